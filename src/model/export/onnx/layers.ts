import { type Emitter, float, notExported, renamed, requireRank, type Value } from './emitContext';
import { float as floatAttribute, int } from './graphBuilder';
import { emitLinear } from './linear';
import { emitCell, emitRecurrent } from './recurrent';
import { joinPath } from './weightSource';

/** Layers whose weights quantize_dynamic may replace, embeddings, and norms over the last dimensions. */

const linear: Emitter = (context, node, [x]) => {
  const isTransposed = node.kind?.type === 'Conv1D';
  const [rows, columns] = context.shapeOf(node, 'weight') ?? [];
  const output = emitLinear(context.graph, context.weights, node.path, x.name, { isTransposed });
  return [float(output, [...x.shape.slice(0, -1), isTransposed ? columns : rows])];
};

const linearReLU: Emitter = (context, node, [x]) => {
  const tensors = joinPath(node.path, '0');
  const output = emitLinear(context.graph, context.weights, node.path, x.name, { tensors });
  const [rows] = context.weights.shape(joinPath(tensors, 'weight'));
  return [float(context.graph.op('Relu', node.path, [output]), [...x.shape.slice(0, -1), rows])];
};

const embedding: Emitter = (context, node, [x]) => {
  refuseMaxNorm(context.attributes(node).optionalNumber('max_norm'), node);
  const table = context.parameter(node, 'weight');
  const width = context.shapeOf(node, 'weight')?.[1] ?? 0;
  if (table === undefined) throw notExported(node, 'it has no weight');
  return [float(context.graph.op('Gather', node.path, [table, x.name]), [...x.shape, width])];
};

function refuseMaxNorm(limit: number | undefined, node: Parameters<Emitter>[1]): void {
  if (limit !== undefined) throw notExported(node, 'it changes its rows while it runs (max_norm)');
}

const reductions: Readonly<Record<string, string>> = { sum: 'ReduceSum', mean: 'ReduceMean', max: 'ReduceMax' };

/** Bags of one size: the rows of a matrix of indices. */
const embeddingBag: Emitter = (context, node, inputs) => {
  requireRank(node, inputs[0], 2);
  const attributes = context.attributes(node);
  const mode = attributes.text('mode', 'mean');
  if (!Object.hasOwn(reductions, mode)) throw notExported(node, `its mode ${mode} is not known`);
  if (attributes.optionalNumber('padding_idx') !== undefined)
    throw notExported(node, 'it leaves indices out (padding_idx)');
  const [rows] = embedding(context, node, inputs);
  const axis = context.graph.ints(joinPath(node.path, 'bag_axis'), [1]);
  const output = context.graph.op(reductions[mode], node.path, [rows.name, axis], { keepdims: int(0) });
  return [float(output, [rows.shape[0], rows.shape[2]])];
};

const layerNorm: Emitter = (context, node, [x]) => {
  const shape = context.shapeOf(node, 'weight') ?? context.attributes(node).list('normalized_shape');
  const scale =
    context.parameter(node, 'weight') ??
    context.graph.floats(
      joinPath(node.path, 'weight'),
      new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(1),
      shape,
    );
  const bias = context.parameter(node, 'bias');
  const output = context.graph.op(
    'LayerNormalization',
    node.path,
    [x.name, scale, ...(bias === undefined ? [] : [bias])],
    { axis: int(-shape.length), epsilon: floatAttribute(context.attributes(node).number('eps', 1e-5)) },
  );
  return [renamed(x, output)];
};

/** float32's distance from 1 to the next number, which PyTorch takes where eps is None. */
const smallestEps = 2 ** -23;

const rmsNorm: Emitter = (context, node, [x]) => {
  const { graph } = context;
  const { path } = node;
  const shape = context.shapeOf(node, 'weight') ?? context.attributes(node).list('normalized_shape');
  const axes = graph.ints(
    joinPath(path, 'axes'),
    shape.map((_, i) => i - shape.length),
  );
  const squares = graph.op('ReduceMean', path, [graph.op('Mul', path, [x.name, x.name]), axes]);
  const eps = graph.floats(joinPath(path, 'eps'), [context.attributes(node).optionalNumber('eps') ?? smallestEps], []);
  const root = graph.op('Sqrt', path, [graph.op('Add', path, [squares, eps])]);
  const normal = graph.op('Div', path, [x.name, root]);
  const weight = context.parameter(node, 'weight');
  return [renamed(x, weight === undefined ? normal : graph.op('Mul', path, [normal, weight]))];
};

const recurrent: Emitter = (context, node, [input, ...states]) => {
  const { kind } = node;
  if (kind?.type !== 'LSTM' && kind?.type !== 'GRU' && kind?.type !== 'RNN')
    throw notExported(node, 'its weights do not fit its class');
  requireRank(node, input, 3);
  const { type, projSize, numLayers, bidirectional, hiddenSize } = kind;
  if (projSize > 0) throw notExported(node, `it has proj_size, which ONNX's ${type} does not`);
  const attributes = context.attributes(node);
  const batchFirst = attributes.flag('batch_first', false);
  const nonlinearity = attributes.text('nonlinearity', 'tanh') === 'relu' ? 'Relu' : 'Tanh';
  const given = states.map(({ name }) => name);
  const layout = { ...kind, type, batchFirst, nonlinearity } as const;
  const emitted = emitRecurrent(context.graph, context.weights, node.path, layout, input.name, given);
  const directions = bidirectional ? 2 : 1;
  const [steps, batch] = batchFirst ? [input.shape[1], input.shape[0]] : input.shape;
  const width = directions * hiddenSize;
  return [
    float(emitted.output, batchFirst ? [batch, steps, width] : [steps, batch, width]),
    ...emitted.states.map((state) => float(state, [numLayers * directions, batch, hiddenSize])),
  ];
};

const cell =
  (type: 'LSTM' | 'GRU' | 'RNN'): Emitter =>
  (context, node, inputs) => {
    requireRank(node, inputs[0], 2);
    const attributes = context.attributes(node);
    const hiddenSize = context.shapeOf(node, 'weight_hh')?.[1] ?? 0;
    const nonlinearity = attributes.text('nonlinearity', 'tanh') === 'relu' ? ('Relu' as const) : ('Tanh' as const);
    const layout = { type, hiddenSize, bias: context.shapeOf(node, 'bias_ih') !== undefined, nonlinearity };
    const names = inputs.map(({ name }) => name);
    const states = emitCell(context.graph, context.weights, node.path, layout, names);
    return states.map((state): Value => float(state, [inputs[0].shape[0], hiddenSize]));
  };

/** Each module takes what the one before gives; only the last may give several values. */
const sequential: Emitter = (context, node, inputs) => {
  let values = inputs;
  for (const [i, module] of node.children.entries()) {
    if (i > 0 && values.length > 1) throw notExported(module, 'the module before it gives several values');
    values = context.emit(context, module, values);
  }
  return values;
};

export const layerEmitters: readonly (readonly [string, Emitter])[] = [
  ['Sequential', sequential],
  ['Linear', linear],
  ['NonDynamicallyQuantizableLinear', linear],
  ['Conv1D', linear],
  ['LinearReLU', linearReLU],
  ['Embedding', embedding],
  ['EmbeddingBag', embeddingBag],
  ['LayerNorm', layerNorm],
  ['RMSNorm', rmsNorm],
  ['LSTM', recurrent],
  ['GRU', recurrent],
  ['RNN', recurrent],
  ['LSTMCell', cell('LSTM')],
  ['GRUCell', cell('GRU')],
  ['RNNCell', cell('RNN')],
];
