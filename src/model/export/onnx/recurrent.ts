import type { RecurrentOptions } from '../../moduleKind';
import { type GraphBuilder, int, ints, text, texts } from './graphBuilder';
import { type GatedType, gatesReordered, stacked, transposed } from './matrices';
import { joinPath, type WeightSource } from './weightSource';

export interface RecurrentOutputs {
  readonly output: string;
  readonly states: readonly string[];
}

export interface RecurrentLayout extends RecurrentOptions {
  readonly type: GatedType;
  readonly batchFirst: boolean;
  /** Of nn.RNN. */
  readonly nonlinearity: 'Tanh' | 'Relu';
}

type LayerLayout = Pick<RecurrentLayout, 'type' | 'hiddenSize' | 'bidirectional' | 'bias' | 'nonlinearity'>;

/**
 * torch.nn.LSTM, GRU and RNN, one ONNX node a layer. The input is [steps, batch, in], the states
 * [layers · directions, batch, hidden], as in PyTorch; without states they start at zero. A quantized LSTM becomes
 * com.microsoft.DynamicQuantizeLSTM; ONNX has no quantized GRU and RNN, so their int8 weights are
 * dequantized in the graph and their activations stay float32.
 */
export function emitRecurrent(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  layout: RecurrentLayout,
  input: string,
  states: readonly string[],
): RecurrentOutputs {
  const { numLayers, bidirectional, batchFirst } = layout;
  const directions = bidirectional ? 2 : 1;
  const split = states.map((state) => splitLayers(graph, path, state, numLayers, directions));
  const last: string[][] = stateNames(layout.type).map(() => []);
  let x = batchFirst ? graph.op('Transpose', path, [input], { perm: ints(1, 0, 2) }) : input;
  for (let layer = 0; layer < numLayers; layer++) {
    const start = split.map((pieces) => pieces[layer]);
    const suffixes = bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`];
    const [y, ...ends] = emitLayer(graph, weights, path, layout, suffixes, x, start);
    ends.forEach((end, i) => {
      last[i].push(end);
    });
    const sideBySide = graph.op('Transpose', path, [y], { perm: ints(0, 2, 1, 3) });
    x = graph.op('Reshape', path, [sideBySide, graph.ints(`${path}.flat`, [0, 0, -1])]);
  }
  return {
    output: batchFirst ? graph.op('Transpose', path, [x], { perm: ints(1, 0, 2) }) : x,
    states: last.map((ends) => (ends.length === 1 ? ends[0] : graph.op('Concat', path, ends, { axis: int(0) }))),
  };
}

function splitLayers(graph: GraphBuilder, path: string, state: string, layers: number, directions: number): string[] {
  if (layers === 1) return [state];
  const sizes = graph.ints(`${path}.layers`, new Array<number>(layers).fill(directions));
  return graph.node('Split', path, [state, sizes], { outputs: layers, attributes: { axis: int(0) } });
}

function stateNames(type: GatedType): readonly string[] {
  return type === 'LSTM' ? ['h', 'c'] : ['h'];
}

/**
 * torch.nn.LSTMCell, GRUCell and RNNCell: one step of a layer, input [batch, in], states
 * [batch, hidden]; gives the new states.
 */
export function emitCell(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  layout: Omit<LayerLayout, 'bidirectional'>,
  inputs: readonly string[],
): string[] {
  const first = graph.ints(joinPath(path, 'step'), [0]);
  const [x, ...states] = inputs.map((input) => graph.op('Unsqueeze', path, [input, first]));
  const [, ...ends] = emitLayer(graph, weights, path, { ...layout, bidirectional: false }, [''], x, states);
  return ends.map((end) => graph.op('Squeeze', path, [end, first]));
}

/** One layer: names of Y, Y_h and, for an LSTM, Y_c. `suffixes` are those of its parameters, one a direction. */
function emitLayer(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  { type, hiddenSize, bidirectional, bias, nonlinearity }: LayerLayout,
  suffixes: readonly string[],
  x: string,
  [h = '', c = '']: readonly string[],
): string[] {
  const attributes = {
    hidden_size: int(hiddenSize),
    direction: text(bidirectional ? 'bidirectional' : 'forward'),
    ...(type === 'GRU' ? { linear_before_reset: int(1) } : {}),
    ...(type === 'RNN' ? { activations: texts(suffixes.map(() => nonlinearity)) } : {}),
  };
  const biases = bias ? biasConstant(graph, weights, path, type, suffixes) : '';
  const outputs = type === 'LSTM' ? 3 : 2;
  const quantized = weights.quantization(path, `weight_ih${suffixes[0]}`) !== undefined;
  if (quantized && type === 'LSTM') {
    const parts = ['ih', 'hh'].map((part) => quantizedWeight(graph, weights, path, type, part, suffixes));
    const [w, r] = parts;
    const scales = parts.flatMap(({ scale, zeroPoint }) => [scale, zeroPoint]);
    const inputs = [x, w.codes, r.codes, biases, '', h, c, '', ...scales];
    return graph.node('DynamicQuantizeLSTM', path, inputs, { outputs, attributes, domain: 'com.microsoft' });
  }
  const [w, r] = ['ih', 'hh'].map((part) => {
    const make = quantized ? dequantizedWeight : floatWeight;
    return make(graph, weights, path, type, part, suffixes);
  });
  const inputs = withoutEnd([x, w, r, biases, '', h, ...(type === 'LSTM' ? [c] : [])]);
  return graph.node(type, path, inputs, { outputs, attributes });
}

/** Optional inputs at the end are left out, not empty. */
function withoutEnd(inputs: readonly string[]): string[] {
  let length = inputs.length;
  while (inputs[length - 1] === '') length--;
  return inputs.slice(0, length);
}

/** [directions, gates · hidden, columns] in ONNX's order of gates. */
function floatWeight(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  type: GatedType,
  part: string,
  suffixes: readonly string[],
): string {
  const names = suffixes.map((suffix) => joinPath(path, `weight_${part}${suffix}`));
  return graph.constant(names[0], 'float32', [suffixes.length, ...weights.shape(names[0])], () =>
    stacked(names, async (name) => gatesReordered(await weights.floats(name), type)),
  );
}

interface QuantizedMatrix {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/** Codes of both directions for DynamicQuantizeLSTM: [directions, columns, gates · hidden], one scale a direction or a row. */
function quantizedWeight(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  type: GatedType,
  part: string,
  suffixes: readonly string[],
): QuantizedMatrix {
  const own = suffixes.map((suffix) => `weight_${part}${suffix}`);
  const name = joinPath(path, own[0]);
  const [rows, columns] = weights.shape(name);
  const codes = graph.constant(`${name}_quantized`, 'int8', [own.length, columns, rows], () =>
    stacked(own, async (weight) => transposed(gatesReordered(await weights.codes(path, weight), type), rows, columns)),
  );
  const scales = own.map((weight) => gatesOfScales(weights.quantization(path, weight)?.scales ?? [], type));
  const each = scales[0].length;
  const shape = each === 1 ? [own.length] : [own.length, each];
  const zeros = new Uint8Array(own.length * each);
  return {
    codes,
    scale: graph.floats(`${name}_scale`, scales.flat(), shape),
    zeroPoint: graph.constant(`${name}_zero_point`, 'int8', shape, async () => zeros),
  };
}

/** Codes of both directions, made float32 in the graph: DequantizeLinear takes one axis of scales, so rows are laid end to end. */
function dequantizedWeight(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  type: GatedType,
  part: string,
  suffixes: readonly string[],
): string {
  const own = suffixes.map((suffix) => `weight_${part}${suffix}`);
  const name = joinPath(path, own[0]);
  const [rows, columns] = weights.shape(name);
  const codes = graph.constant(`${name}_quantized`, 'int8', [own.length * rows, columns], () =>
    stacked(own, async (weight) => gatesReordered(await weights.codes(path, weight), type)),
  );
  const scales = own.flatMap((weight) => {
    const given = gatesOfScales(weights.quantization(path, weight)?.scales ?? [], type);
    return given.length === 1 ? new Array<number>(rows).fill(given[0]) : given;
  });
  const zeros = new Uint8Array(scales.length);
  const scale = graph.floats(`${name}_scale`, scales, [scales.length]);
  const zeroPoint = graph.constant(`${name}_zero_point`, 'int8', [scales.length], async () => zeros);
  const flat = graph.op('DequantizeLinear', path, [codes, scale, zeroPoint], { axis: int(0) });
  return graph.op('Reshape', path, [flat, graph.ints(`${name}.shape`, [own.length, rows, columns])]);
}

function gatesOfScales(scales: readonly number[], type: GatedType): number[] {
  return scales.length === 1 ? [...scales] : [...gatesReordered(Float32Array.from(scales), type)];
}

/** [directions, 2 · gates · hidden]: the input's biases, then the hidden state's. */
function biasConstant(
  graph: GraphBuilder,
  weights: WeightSource,
  path: string,
  type: GatedType,
  suffixes: readonly string[],
): string {
  const names = suffixes.flatMap((suffix) => ['ih', 'hh'].map((part) => joinPath(path, `bias_${part}${suffix}`)));
  const [rows] = weights.shape(names[0]);
  return graph.constant(joinPath(path, `bias${suffixes[0]}`), 'float32', [suffixes.length, 2 * rows], () =>
    stacked(names, async (name) => gatesReordered(await weights.floats(name), type)),
  );
}
