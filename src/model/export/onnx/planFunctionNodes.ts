import type { PlanValueDto } from '../../../protocol/planDto';
import { bareNode, type EmitContext, notExported, renamed, type Shape, type Value } from './emitContext';
import { int, ints } from './graphBuilder';
import { joinPath } from './weightSource';

/** What a plan does between modules, as nodes; what is a class of torch.nn too is written as that class. */

type Arguments = Readonly<Record<string, PlanValueDto>>;
type FunctionEmitter = (context: EmitContext, path: string, values: readonly Value[], args: Arguments) => Value;

/** The module of torch.nn that does the same. */
const asModule =
  (type: string, fixed: Arguments = {}): FunctionEmitter =>
  (context, path, values, args) => {
    const attributes = { ...fixed, ...args };
    const record = { className: `torch.nn.${type}`, attributes, children: [] };
    return context.emit(context, { ...bareNode(path), type, record }, values)[0];
  };

/** A dimension from 0 on; refused where the value has none of that number. */
function dimension(path: string, { shape }: Value, value: PlanValueDto, extra = 0): number {
  const rank = shape.length + extra;
  const dim = Number(value) < 0 ? Number(value) + rank : Number(value);
  if (dim >= 0 && dim < rank) return dim;
  throw refused(path, `a value of ${shape.length} dimensions has no dimension ${value}`);
}

function refused(path: string, why: string) {
  return notExported({ path, name: path, type: '' }, why);
}

const without = (shape: Shape, dim: number): Shape => shape.filter((_, d) => d !== dim);

const lastStep: FunctionEmitter = (context, path, [x], args) => {
  const { graph } = context;
  const dim = dimension(path, x, args.dim);
  const last = graph.scalar(joinPath(path, 'last'), -1);
  const output = graph.op('Gather', path, [x.name, last], { axis: int(dim) });
  return { ...x, name: output, shape: without(x.shape, dim) };
};

const reduced =
  (operator: string): FunctionEmitter =>
  ({ graph }, path, [x], args) => {
    const dim = dimension(path, x, args.dim);
    const axes = graph.ints(joinPath(path, 'axis'), [dim]);
    const output = graph.op(operator, path, [x.name, axes], { keepdims: int(0) });
    return { ...x, name: output, shape: without(x.shape, dim) };
  };

function transposed({ graph }: EmitContext, path: string, x: Value, dims: readonly number[]): Value {
  const output = graph.op('Transpose', path, [x.name], { perm: ints(...dims) });
  return { ...x, name: output, shape: dims.map((dim) => x.shape[dim]) };
}

const transpose: FunctionEmitter = (context, path, [x], args) => {
  const [a, b] = [dimension(path, x, args.dim0), dimension(path, x, args.dim1)];
  const dims = x.shape.map((_, d) => (d === a ? b : d === b ? a : d));
  return transposed(context, path, x, dims);
};

const permute: FunctionEmitter = (context, path, [x], args) => {
  const dims = listOf(args.dims).map((dim) => dimension(path, x, dim));
  if (new Set(dims).size !== x.shape.length || dims.length !== x.shape.length)
    throw refused(path, `a value of ${x.shape.length} dimensions is not permuted by (${listOf(args.dims).join(', ')})`);
  return transposed(context, path, x, dims);
};

const reshape: FunctionEmitter = ({ graph }, path, [x], args) => {
  const sizes = listOf(args.shape);
  // In ONNX 0 would be the size before.
  if (sizes.includes(0)) throw refused(path, 'a size of 0 means another thing there');
  const output = graph.op('Reshape', path, [x.name, graph.ints(joinPath(path, 'shape'), sizes)]);
  return { ...x, name: output, shape: sizes.map((size) => (size < 0 ? graph.openSize() : size)) };
};

const unsqueeze: FunctionEmitter = ({ graph }, path, [x], args) => {
  const dim = dimension(path, x, args.dim, 1);
  const output = graph.op('Unsqueeze', path, [x.name, graph.ints(joinPath(path, 'axis'), [dim])]);
  return { ...x, name: output, shape: [...x.shape.slice(0, dim), 1, ...x.shape.slice(dim)] };
};

const squeeze: FunctionEmitter = ({ graph }, path, [x], args) => {
  const dim = dimension(path, x, args.dim);
  const size = x.shape[dim];
  if (typeof size !== 'number')
    throw refused(path, `whether dimension ${dim} has a size of 1 is not known before it runs`);
  // PyTorch leaves other sizes as they are, ONNX does not.
  if (size !== 1) return x;
  const output = graph.op('Squeeze', path, [x.name, graph.ints(joinPath(path, 'axis'), [dim])]);
  return { ...x, name: output, shape: without(x.shape, dim) };
};

const scale: FunctionEmitter = ({ graph }, path, [x], args) => {
  const factor = graph.floats(joinPath(path, 'factor'), [Number(args.factor)], []);
  return renamed(x, graph.op('Mul', path, [x.name, factor]));
};

const broadcast =
  (operator: string): FunctionEmitter =>
  ({ graph }, path, [a, b]) => {
    const rank = Math.max(a.shape.length, b.shape.length);
    const sizeOf = ({ shape }: Value, d: number) => shape[d - rank + shape.length] ?? 1;
    const shape = Array.from({ length: rank }, (_, d) => {
      const [left, right] = [sizeOf(a, d), sizeOf(b, d)];
      if (left === right || right === 1) return left;
      return left === 1
        ? right
        : typeof left === 'number'
          ? left
          : typeof right === 'number'
            ? right
            : graph.openSize();
    });
    return { ...a, name: graph.op(operator, path, [a.name, b.name]), shape };
  };

const cat: FunctionEmitter = ({ graph }, path, values, args) => {
  const [first] = values;
  const dim = dimension(path, first, args.dim);
  if (values.some(({ shape }) => shape.length !== first.shape.length))
    throw refused(path, 'its values have different numbers of dimensions');
  const output = graph.op(
    'Concat',
    path,
    values.map(({ name }) => name),
    { axis: int(dim) },
  );
  const sizes = values.map(({ shape }) => shape[dim]);
  const known = sizes.filter((size) => typeof size === 'number');
  const sum = known.length === sizes.length ? known.reduce((a, b) => a + b, 0) : graph.openSize();
  return { ...first, name: output, shape: first.shape.map((size, d) => (d === dim ? sum : size)) };
};

function listOf(value: PlanValueDto): readonly number[] {
  return typeof value === 'object' && value !== null ? value : [];
}

const emitters: ReadonlyMap<string, FunctionEmitter> = new Map([
  ['relu', asModule('ReLU')],
  ['tanh', asModule('Tanh')],
  ['sigmoid', asModule('Sigmoid')],
  ['gelu', asModule('GELU')],
  ['silu', asModule('SiLU')],
  ['leaky_relu', asModule('LeakyReLU')],
  ['elu', asModule('ELU')],
  ['softmax', asModule('Softmax')],
  ['log_softmax', asModule('LogSoftmax')],
  ['last_step', lastStep],
  ['mean', reduced('ReduceMean')],
  ['max', reduced('ReduceMax')],
  ['flatten', asModule('Flatten', { end_dim: -1 })],
  ['transpose', transpose],
  ['permute', permute],
  ['reshape', reshape],
  ['unsqueeze', unsqueeze],
  ['squeeze', squeeze],
  ['scale', scale],
  ['add', broadcast('Add')],
  ['mul', broadcast('Mul')],
  ['cat', cat],
  ['max_pool1d', asModule('MaxPool1d')],
  ['max_pool2d', asModule('MaxPool2d')],
  ['avg_pool1d', asModule('AvgPool1d')],
  ['avg_pool2d', asModule('AvgPool2d')],
  ['adaptive_avg_pool1d', asModule('AdaptiveAvgPool1d')],
  ['adaptive_avg_pool2d', asModule('AdaptiveAvgPool2d')],
]);

export function planFunctionEmitter(name: string): FunctionEmitter {
  const found = emitters.get(name);
  if (found === undefined) throw refused(name, 'there is no ONNX form of this function here');
  return found;
}
