import type { Attributes } from '../../../engine/nn/attributes';
import {
  type EmitContext,
  type Emitter,
  float as floatValue,
  type Node,
  notExported,
  renamed,
  type Shape,
} from './emitContext';
import { float, type GraphBuilder, int, text } from './graphBuilder';
import { joinPath } from './weightSource';

/** Activations, and modules that only change the shape. In evaluation mode Dropout passes its input on. */

type Apply = (op: Op, x: string, attributes: Attributes, graph: GraphBuilder, path: string) => string;
type Op = (type: string, inputs: readonly string[], attributes?: Parameters<GraphBuilder['op']>[3]) => string;

const elementwise: Readonly<Record<string, Apply>> = {
  ReLU: (op, x) => op('Relu', [x]),
  ReLU6: (op, x, _, graph, path) => clip(op, x, [0, 6], graph, path),
  Hardtanh: (op, x, a, graph, path) => clip(op, x, [a.number('min_val', -1), a.number('max_val', 1)], graph, path),
  Tanh: (op, x) => op('Tanh', [x]),
  Sigmoid: (op, x) => op('Sigmoid', [x]),
  GELU: (op, x, a) => op('Gelu', [x], { approximate: text(a.text('approximate', 'none')) }),
  LeakyReLU: (op, x, a) => op('LeakyRelu', [x], { alpha: float(a.number('negative_slope', 0.01)) }),
  ELU: (op, x, a) => op('Elu', [x], { alpha: float(a.number('alpha', 1)) }),
  CELU: (op, x, a) => op('Celu', [x], { alpha: float(a.number('alpha', 1)) }),
  SELU: (op, x) => op('Selu', [x]),
  SiLU: (op, x) => op('Mul', [x, op('Sigmoid', [x])]),
  Mish: (op, x) => op('Mish', [x]),
  Hardswish: (op, x) => op('HardSwish', [x]),
  Hardsigmoid: (op, x) => op('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) }),
  LogSigmoid: (op, x) => op('Neg', [op('Softplus', [op('Neg', [x])])]),
  Softsign: (op, x) => op('Softsign', [x]),
  Tanhshrink: (op, x) => op('Sub', [x, op('Tanh', [x])]),
  Hardshrink: (op, x, a) => op('Shrink', [x], { lambd: float(a.number('lambd', 0.5)), bias: float(0) }),
  Softshrink(op, x, a) {
    const lambd = float(a.number('lambd', 0.5));
    return op('Shrink', [x], { lambd, bias: lambd });
  },
  // Beyond PyTorch's threshold of 20 the logarithm is the number itself to the last bit.
  Softplus(op, x, a, graph, path) {
    const beta = graph.floats(joinPath(path, 'beta'), [a.number('beta', 1)], []);
    return op('Div', [op('Softplus', [op('Mul', [x, beta])]), beta]);
  },
  Threshold(op, x, a, graph, path) {
    const [limit, value] = [a.number('threshold'), a.number('value')].map((one) =>
      graph.floats(joinPath(path, 'threshold'), [one], []),
    );
    return op('Where', [op('Greater', [x, limit]), x, value]);
  },
  ...Object.fromEntries(
    ['Dropout', 'Dropout1d', 'Dropout2d', 'Dropout3d', 'AlphaDropout', 'FeatureAlphaDropout', 'Identity'].map(
      (type): [string, Apply] => [type, (_, x) => x],
    ),
  ),
};

function clip(op: Op, x: string, limits: readonly number[], graph: GraphBuilder, path: string): string {
  return op('Clip', [x, ...limits.map((limit) => graph.floats(joinPath(path, 'limit'), [limit], []))]);
}

const applied =
  (apply: Apply): Emitter =>
  (context, node, [x]) => {
    const { graph } = context;
    const op: Op = (type, inputs, attributes) => graph.op(type, node.path, inputs, attributes);
    return [renamed(x, apply(op, x.name, context.attributes(node), graph, node.path))];
  };

/** PyTorch's dimension where none is given: 0 for one or three dimensions, else 1. */
function implicitDimension(rank: number): number {
  return rank === 0 || rank === 1 || rank === 3 ? 0 : 1;
}

const softmax =
  (type: 'Softmax' | 'LogSoftmax', negated: boolean): Emitter =>
  (context, node, [x]) => {
    const axis = int(context.attributes(node).optionalNumber('dim') ?? implicitDimension(x.shape.length));
    const input = negated ? context.graph.op('Neg', node.path, [x.name]) : x.name;
    return [renamed(x, context.graph.op(type, node.path, [input], { axis }))];
  };

const glu: Emitter = (context, node, [x]) => {
  const { graph } = context;
  const dim = context.attributes(node).number('dim', -1);
  const at = dim < 0 ? dim + x.shape.length : dim;
  const parts = graph.node('Split', node.path, [x.name], {
    outputs: 2,
    attributes: { axis: int(dim), num_outputs: int(2) },
  });
  const output = graph.op('Mul', node.path, [parts[0], graph.op('Sigmoid', node.path, [parts[1]])]);
  const halved = x.shape.map((size, d) => (d !== at ? size : typeof size === 'number' ? size / 2 : graph.openSize()));
  return [floatValue(output, halved)];
};

/** One slope, or one a channel of dimension 1. */
const prelu: Emitter = (context, node, [x]) => {
  const slopes = context.shapeOf(node, 'weight')?.[0] ?? 1;
  const trailing = new Array<number>(Math.max(0, x.shape.length - 2)).fill(1);
  const weight = context.parameter(node, 'weight', slopes === 1 ? [1] : [slopes, ...trailing]);
  if (weight === undefined) throw notExported(node, 'it has no weight');
  return [renamed(x, context.graph.op('PRelu', node.path, [x.name, weight]))];
};

/** Dimensions start … end as one, sizes before and after as they come. */
const flatten: Emitter = (context, node, [x]) => {
  const attributes = context.attributes(node);
  const rank = x.shape.length;
  const from = (dim: number) => (dim < 0 ? dim + rank : dim);
  const [start, end] = [from(attributes.number('start_dim', 1)), from(attributes.number('end_dim', -1))];
  if (start < 0 || end >= rank || start > end)
    throw notExported(node, `an input of ${rank} dimensions has not those that it joins`);
  const joined = x.shape.slice(start, end + 1);
  const whole = joined.every((size) => typeof size === 'number');
  const size = whole ? joined.reduce((product: number, one) => product * Number(one), 1) : context.graph.openSize();
  return [
    reshaped(context, node, x.name, { start, end, sizes: [-1] }, [
      ...x.shape.slice(0, start),
      size,
      ...x.shape.slice(end + 1),
    ]),
  ];
};

const unflatten: Emitter = (context, node, [x]) => {
  const attributes = context.attributes(node);
  const dim = attributes.number('dim');
  const at = dim < 0 ? dim + x.shape.length : dim;
  const sizes = attributes.list('unflattened_size');
  const shape = [
    ...x.shape.slice(0, at),
    ...sizes.map((size) => (size < 0 ? context.graph.openSize() : size)),
    ...x.shape.slice(at + 1),
  ];
  return [reshaped(context, node, x.name, { start: at, end: at, sizes }, shape)];
};

/** Dimensions start … end become `sizes`. */
function reshaped(
  { graph }: EmitContext,
  { path }: Node,
  x: string,
  { start, end, sizes }: { readonly start: number; readonly end: number; readonly sizes: readonly number[] },
  shape: Shape,
) {
  const given = graph.op('Shape', path, [x]);
  const slice = (from: number, to: number) =>
    graph.op('Slice', path, [
      given,
      graph.ints(joinPath(path, 'from'), [from]),
      graph.ints(joinPath(path, 'to'), [to]),
    ]);
  const middle = graph.ints(joinPath(path, 'sizes'), sizes);
  const parts = [...(start > 0 ? [slice(0, start)] : []), middle, slice(end + 1, 1_000)];
  const target = graph.op('Concat', path, parts, { axis: int(0) });
  return floatValue(graph.op('Reshape', path, [x, target]), shape);
}

export const statelessEmitters: readonly (readonly [string, Emitter])[] = [
  ...Object.entries(elementwise).map(([type, apply]) => [type, applied(apply)] as const),
  ['Softmax', softmax('Softmax', false)],
  ['LogSoftmax', softmax('LogSoftmax', false)],
  ['Softmin', softmax('Softmax', true)],
  ['GLU', glu],
  ['PReLU', prelu],
  ['Flatten', flatten],
  ['Unflatten', unflatten],
];
