import type { Attributes } from '../../../engine/nn/attributes';
import {
  type EmitContext,
  type Emitter,
  float,
  type Node,
  notExported,
  requireRank,
  type Shape,
  type Value,
} from './emitContext';
import { float as floatAttribute, int, ints, text } from './graphBuilder';
import { joinPath } from './weightSource';

/** Convolutions and pooling. Sizes of images stay open: no weight fixes them. */

/** [batch, channels] and open sizes. */
function image(context: EmitContext, batch: Shape[number], channels: Shape[number], dimensions: number): Shape {
  return [batch, channels, ...Array.from({ length: dimensions }, () => context.graph.openSize())];
}

const convolution =
  (dimensions: number): Emitter =>
  (context, node, [x]) => {
    requireRank(node, x, dimensions + 2);
    const attributes = context.attributes(node);
    const weight = parameterOf(context, node, 'weight');
    const [channels, , ...kernel] = context.shapeOf(node, 'weight') ?? [];
    const before = paddingOf(attributes, kernel, 'before');
    const after = paddingOf(attributes, kernel, 'after');
    const mode = attributes.text('padding_mode', 'zeros');
    const padded = mode === 'zeros' ? x.name : pad(context, node, x.name, mode, [...before, ...after]);
    const none = kernel.map(() => 0);
    const bias = context.parameter(node, 'bias');
    const output = context.graph.op('Conv', node.path, [padded, weight, ...(bias === undefined ? [] : [bias])], {
      kernel_shape: ints(...kernel),
      strides: ints(...attributes.sizes('stride', dimensions, 1)),
      dilations: ints(...attributes.sizes('dilation', dimensions, 1)),
      group: int(attributes.size('groups', 1)),
      pads: mode === 'zeros' ? ints(...before, ...after) : ints(...none, ...none),
    });
    return [float(output, image(context, x.shape[0], channels, dimensions))];
  };

/** `same` adds what keeps the size, the odd one at the end; `valid` nothing. */
function paddingOf(attributes: Attributes, kernel: readonly number[], side: 'before' | 'after'): number[] {
  const mode = attributes.values.get('padding');
  if (mode === 'valid') return kernel.map(() => 0);
  if (mode !== 'same') return attributes.sizes('padding', kernel.length, 0);
  const dilation = attributes.sizes('dilation', kernel.length, 1);
  return kernel.map((size, d) => {
    const total = dilation[d] * (size - 1);
    return side === 'before' ? Math.floor(total / 2) : Math.ceil(total / 2);
  });
}

const padModes: Readonly<Record<string, string>> = { reflect: 'reflect', replicate: 'edge', circular: 'wrap' };

function pad(context: EmitContext, node: Node, x: string, mode: string, pads: readonly number[]): string {
  const { graph } = context;
  if (!Object.hasOwn(padModes, mode)) throw notExported(node, `its padding_mode ${mode} is not known`);
  const half = pads.length / 2;
  const all = [0, 0, ...pads.slice(0, half), 0, 0, ...pads.slice(half)];
  const sizes = graph.ints(joinPath(node.path, 'pads'), all);
  return graph.op('Pad', node.path, [x, sizes], { mode: text(padModes[mode]) });
}

const transposedConvolution =
  (dimensions: number): Emitter =>
  (context, node, [x]) => {
    requireRank(node, x, dimensions + 2);
    const attributes = context.attributes(node);
    const weight = parameterOf(context, node, 'weight');
    const [, perGroup, ...kernel] = context.shapeOf(node, 'weight') ?? [];
    const padding = attributes.sizes('padding', dimensions, 0);
    const groups = attributes.size('groups', 1);
    const bias = context.parameter(node, 'bias');
    const output = context.graph.op(
      'ConvTranspose',
      node.path,
      [x.name, weight, ...(bias === undefined ? [] : [bias])],
      {
        kernel_shape: ints(...kernel),
        strides: ints(...attributes.sizes('stride', dimensions, 1)),
        dilations: ints(...attributes.sizes('dilation', dimensions, 1)),
        output_padding: ints(...attributes.sizes('output_padding', dimensions, 0)),
        group: int(groups),
        pads: ints(...padding, ...padding),
      },
    );
    return [float(output, image(context, x.shape[0], perGroup * groups, dimensions))];
  };

function parameterOf(context: EmitContext, node: Node, name: string): string {
  const found = context.parameter(node, name);
  if (found === undefined) throw notExported(node, `it has no ${name}`);
  return found;
}

function window(attributes: Attributes, dimensions: number) {
  const kernel = attributes.sizes('kernel_size', dimensions);
  // Python's default stride is None: the size of the kernel.
  const given = attributes.values.get('stride') ?? null;
  const padding = attributes.sizes('padding', dimensions, 0);
  return {
    kernel_shape: ints(...kernel),
    strides: ints(...(given === null ? kernel : attributes.sizes('stride', dimensions))),
    pads: ints(...padding, ...padding),
  };
}

const maxPool =
  (dimensions: number): Emitter =>
  (context, node, [x]) => {
    requireRank(node, x, dimensions + 2);
    const attributes = context.attributes(node);
    const output = context.graph.op('MaxPool', node.path, [x.name], {
      ...window(attributes, dimensions),
      dilations: ints(...attributes.sizes('dilation', dimensions, 1)),
      ceil_mode: int(attributes.flag('ceil_mode', false) ? 1 : 0),
    });
    return [float(output, image(context, x.shape[0], x.shape[1], dimensions))];
  };

const averagePool =
  (dimensions: number): Emitter =>
  (context, node, [x]) => {
    requireRank(node, x, dimensions + 2);
    const attributes = context.attributes(node);
    if (attributes.flag('ceil_mode', false)) throw notExported(node, 'runtimes disagree about its ceil_mode');
    if (attributes.optionalNumber('divisor_override') !== undefined)
      throw notExported(node, 'ONNX has no divisor_override');
    const output = context.graph.op('AveragePool', node.path, [x.name], {
      ...window(attributes, dimensions),
      count_include_pad: int(attributes.flag('count_include_pad', true) ? 1 : 0),
    });
    return [float(output, image(context, x.shape[0], x.shape[1], dimensions))];
  };

/** Pooling to one value; other sizes would need the input's. */
const adaptivePool =
  (dimensions: number, operator: string): Emitter =>
  (context, node, [x]) => {
    requireRank(node, x, dimensions + 2);
    const size = context.attributes(node).values.get('output_size');
    const sizes: readonly unknown[] = Array.isArray(size) ? size : new Array(dimensions).fill(size);
    if (!sizes.every((one) => one === 1)) throw notExported(node, 'ONNX has adaptive pooling to a size of 1 only');
    const shape: Value['shape'] = [x.shape[0], x.shape[1], ...sizes.map(() => 1)];
    return [float(context.graph.op(operator, node.path, [x.name]), shape)];
  };

/** Padding is given from the last dimension on: left, right, top, bottom. */
const constantPad =
  (dimensions: number, given?: number): Emitter =>
  (context, node, [x]) => {
    const { graph } = context;
    const attributes = context.attributes(node);
    const padding = attributes.sizes('padding', 2 * dimensions);
    const value = given ?? attributes.number('value', 0);
    const sides = [0, 1].flatMap((side) => [
      ...new Array<number>(x.shape.length - dimensions).fill(0),
      ...Array.from({ length: dimensions }, (_, d) => padding[2 * (dimensions - 1 - d) + side]),
    ]);
    const inputs = [
      graph.ints(joinPath(node.path, 'pads'), sides),
      graph.floats(joinPath(node.path, 'value'), [value], []),
    ];
    const leading = x.shape.slice(0, -dimensions);
    const open = Array.from({ length: dimensions }, () => graph.openSize());
    return [float(graph.op('Pad', node.path, [x.name, ...inputs]), [...leading, ...open])];
  };

/** torch.nn.Upsample to the nearest: element ⌊i / factor⌋. */
const upsample: Emitter = (context, node, [x]) => {
  const { graph } = context;
  const attributes = context.attributes(node);
  const scale = attributes.values.get('scale_factor') ?? null;
  if (attributes.text('mode', 'nearest') !== 'nearest' || scale === null)
    throw notExported(node, 'ONNX is written for mode nearest with a scale_factor only');
  const dimensions = x.shape.length - 2;
  const factors = Array.isArray(scale) ? scale.map(Number) : new Array<number>(dimensions).fill(Number(scale));
  const scales = graph.floats(joinPath(node.path, 'scales'), [1, 1, ...factors], [x.shape.length]);
  const output = graph.op('Resize', node.path, [x.name, '', scales], {
    mode: text('nearest'),
    nearest_mode: text('floor'),
    coordinate_transformation_mode: text('asymmetric'),
  });
  return [float(output, image(context, x.shape[0], x.shape[1], dimensions))];
};

const pixelShuffle: Emitter = (context, node, [x]) => {
  const factor = context.attributes(node).size('upscale_factor');
  const channels = x.shape[1];
  const output = context.graph.op('DepthToSpace', node.path, [x.name], { blocksize: int(factor), mode: text('CRD') });
  const left = typeof channels === 'number' ? channels / factor ** 2 : context.graph.openSize();
  return [float(output, image(context, x.shape[0], left, 2))];
};

/** Statistics of the training, or of each sample where none were kept. */
const batchNorm: Emitter = (context, node, [x]) => {
  const { graph } = context;
  const mean = context.parameter(node, 'running_mean');
  const variance = context.parameter(node, 'running_var');
  if (mean === undefined || variance === undefined) throw notExported(node, 'it keeps no running statistics');
  const channels = context.shapeOf(node, 'running_mean')?.[0] ?? 0;
  const fill = (name: string, value: number) =>
    context.parameter(node, name) ??
    graph.floats(joinPath(node.path, name), new Array<number>(channels).fill(value), [channels]);
  const inputs = [x.name, fill('weight', 1), fill('bias', 0), mean, variance];
  const epsilon = floatAttribute(context.attributes(node).number('eps', 1e-5));
  return [{ ...x, name: graph.op('BatchNormalization', node.path, inputs, { epsilon }) }];
};

const instanceNorm: Emitter = (context, node, inputs) => {
  if (context.shapeOf(node, 'running_mean') !== undefined) return batchNorm(context, node, inputs);
  const channels = inputs[0].shape[1];
  if (typeof channels !== 'number') throw notExported(node, 'its number of channels is not known');
  return grouped(context, node, inputs[0], channels, channels);
};

const groupNorm: Emitter = (context, node, [x]) => {
  const attributes = context.attributes(node);
  const channels = attributes.size('num_channels', context.shapeOf(node, 'weight')?.[0]);
  return grouped(context, node, x, channels, attributes.size('num_groups'));
};

/** Groups become the channels of an InstanceNormalization; opset 20's GroupNormalization scales groups, not channels. */
function grouped(context: EmitContext, node: Node, x: Value, channels: number, groups: number): Value[] {
  const { graph } = context;
  const { path } = node;
  const joined = graph.op('Reshape', path, [x.name, graph.ints(joinPath(path, 'groups'), [0, groups, -1])]);
  const constant = (value: number) =>
    graph.floats(joinPath(path, 'unit'), new Array<number>(groups).fill(value), [groups]);
  const epsilon = floatAttribute(context.attributes(node).number('eps', 1e-5));
  const normal = graph.op('InstanceNormalization', path, [joined, constant(1), constant(0)], { epsilon });
  let output = graph.op('Reshape', path, [normal, graph.op('Shape', path, [x.name])]);
  const shape = [channels, ...x.shape.slice(2).map(() => 1)];
  const [weight, bias] = ['weight', 'bias'].map((name) => context.parameter(node, name, shape));
  if (weight !== undefined) output = graph.op('Mul', path, [output, weight]);
  if (bias !== undefined) output = graph.op('Add', path, [output, bias]);
  return [{ ...x, name: output }];
}

export const convolutionEmitters: readonly (readonly [string, Emitter])[] = [
  ...[1, 2, 3].flatMap((d) => [
    [`Conv${d}d`, convolution(d)] as const,
    [`ConvTranspose${d}d`, transposedConvolution(d)] as const,
    [`MaxPool${d}d`, maxPool(d)] as const,
    [`AvgPool${d}d`, averagePool(d)] as const,
    [`AdaptiveAvgPool${d}d`, adaptivePool(d, 'GlobalAveragePool')] as const,
    [`AdaptiveMaxPool${d}d`, adaptivePool(d, 'GlobalMaxPool')] as const,
    [`ZeroPad${d}d`, constantPad(d, 0)] as const,
    [`ConstantPad${d}d`, constantPad(d)] as const,
    [`BatchNorm${d}d`, batchNorm] as const,
    [`InstanceNorm${d}d`, instanceNorm] as const,
  ]),
  ['GroupNorm', groupNorm],
  ['Upsample', upsample],
  ['UpsamplingNearest2d', upsample],
  ['PixelShuffle', pixelShuffle],
];
