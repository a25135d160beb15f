import type { PlainValue } from '../../../formats/types';
import { float, type GraphBuilder, int, text } from './graphBuilder';

type Attributes = Readonly<Record<string, PlainValue>>;

/** Modules without parameters by class name; undefined stands for one that passes its input on. */
const emitters: Readonly<Record<string, (graph: GraphBuilder, path: string, x: string, a: Attributes) => string>> = {
  ReLU: (graph, path, x) => graph.op('Relu', path, [x]),
  Tanh: (graph, path, x) => graph.op('Tanh', path, [x]),
  Sigmoid: (graph, path, x) => graph.op('Sigmoid', path, [x]),
  GELU: (graph, path, x, { approximate }) =>
    graph.op('Gelu', path, [x], { approximate: text(String(approximate ?? 'none')) }),
  LeakyReLU: (graph, path, x, a) => graph.op('LeakyRelu', path, [x], { alpha: float(number(a.negative_slope, 0.01)) }),
  ELU: (graph, path, x, a) => graph.op('Elu', path, [x], { alpha: float(number(a.alpha, 1)) }),
  Softmax: (graph, path, x, a) => graph.op('Softmax', path, [x], { axis: int(number(a.dim, -1)) }),
  LogSoftmax: (graph, path, x, a) => graph.op('LogSoftmax', path, [x], { axis: int(number(a.dim, -1)) }),
  Hardswish: (graph, path, x) => graph.op('HardSwish', path, [x]),
  SiLU: (graph, path, x) => graph.op('Mul', path, [x, graph.op('Sigmoid', path, [x])]),
  // In evaluation mode these pass their input on.
  Dropout: (_, __, x) => x,
  Identity: (_, __, x) => x,
};

function number(value: PlainValue | undefined, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}

/** The output of a module without parameters; undefined for a class that is not known here. */
export function emitStateless(
  graph: GraphBuilder,
  type: string,
  path: string,
  x: string,
  attributes: Attributes,
): string | undefined {
  return Object.hasOwn(emitters, type) ? emitters[type](graph, path, x, attributes) : undefined;
}
