import type { OnnxNode } from '../../../../formats/onnx/types';
import { transposed } from '../matrices';
import { dimsOf, type OnnxRewriter, type QuantizedValue } from './onnxRewriter';

/**
 * Writes the quantized form of a node whose constants can become codes. What becomes what follows
 * onnxruntime's quantize_dynamic (its operators folder), version 1.30.
 */
type Rewrite = (graph: OnnxRewriter, node: OnnxNode) => Promise<void>;

const float = 1;

/** MatMul with a constant right side: MatMulInteger on dynamic uint8 codes, both scales multiplied back. */
const matMul: Rewrite = async (graph, node) => {
  const [a, b] = node.inputs;
  const x = graph.activation(a);
  await product(graph, node.name, 'MatMulInteger', x, await matrixWeight(graph, b), node.outputs[0], node.outputs[0]);
};

async function matrixWeight(graph: OnnxRewriter, name: string): Promise<QuantizedValue> {
  const shape = dimsOf(graph.weight(name));
  const { perChannel } = graph;
  const { reduceRange } = graph.options;
  if (perChannel && shape.length > 0)
    return graph.channelWeight(name, shape, shape.length - 1, [shape[shape.length - 1]]);
  return graph.tensorWeight(name, { type: 'int8', reduceRange });
}

/** The integer product of two quantized values, brought back to float under `result`. */
async function product(
  graph: OnnxRewriter,
  name: string,
  opType: 'MatMulInteger' | 'ConvInteger',
  x: QuantizedValue,
  w: QuantizedValue,
  output: string,
  result: string,
  attributes: Parameters<OnnxRewriter['add']>[4] = {},
): Promise<void> {
  const sums = `${output}_output_quantized`;
  const quantName = name === '' ? '' : `${name}_quant`;
  graph.add(opType, quantName, [x.codes, w.codes, x.zeroPoint, w.zeroPoint], [sums], attributes);
  graph.add('Cast', `${sums}_cast`, [sums], [`${sums}_cast_output`], { to: { kind: 'int', value: float } });
  const scales = quantName === '' ? `${x.scale}_${w.scale}_mul_${output}` : `${quantName}_scales_mul`;
  graph.add('Mul', scales, [x.scale, w.scale], [`${scales}:0`]);
  const last = quantName === '' ? '' : `${quantName}_output_scale_mul`;
  graph.add('Mul', last, [`${sums}_cast_output`, `${scales}:0`], [result]);
}

/** Gemm that is a MatMul and an Add. A transposed right side is transposed back. */
const gemm: Rewrite = async (graph, node) => {
  const [a, b, c] = node.inputs;
  const shape = dimsOf(graph.weight(b));
  const isTransposed = node.attributes.some(({ name, i }) => name === 'transB' && i === 1);
  const x = graph.activation(a);
  const w = isTransposed ? await transposedWeight(graph, b, shape) : await matrixWeight(graph, b);
  const [output] = node.outputs;
  const name = node.name === '' ? '' : `${node.name}_MatMul`;
  const sum = c === undefined || c === '' ? output : `${output}_MatMul`;
  await product(graph, name, 'MatMulInteger', x, w, sum, sum);
  if (sum !== output) graph.add('Add', node.name === '' ? '' : `${node.name}_Add`, [sum, c], [output]);
};

function transposedWeight(
  graph: OnnxRewriter,
  name: string,
  [rows, columns]: readonly number[],
): Promise<QuantizedValue> {
  const order = {
    shape: [columns, rows],
    arrange: (codes: Uint8Array) => transposed(codes, rows, columns),
  };
  const { reduceRange } = graph.options;
  return graph.perChannel
    ? graph.channelWeight(name, [rows, columns], 0, [rows], order)
    : graph.tensorWeight(name, { type: 'int8', reduceRange }, order);
}

/** Conv with constant weights: ConvInteger, and the bias added with a shape that broadcasts. */
const conv: Rewrite = async (graph, node) => {
  const [input, weight, bias] = node.inputs;
  const [output] = node.outputs;
  const x = graph.activation(input);
  const w = await graph.tensorWeight(weight, { type: 'int8', reduceRange: graph.options.reduceRange });
  const scaled = bias === undefined || bias === '' ? output : `${output}quant_scaled_output`;
  await product(graph, node.name, 'ConvInteger', x, w, output, scaled, graph.attributes(node));
  if (scaled === output) return;
  const shape = `${output}_bias_reshape_shape`;
  const sizes = BigInt64Array.from(dimsOf(graph.weight(weight)), (_, i) => (i === 1 ? -1n : 1n));
  graph.initializers.push({
    name: shape,
    dtype: 'int64',
    shape: [sizes.length],
    data: async () => new Uint8Array(sizes.buffer),
  });
  graph.add('Reshape', '', [bias, shape], [`${output}_bias_reshape_output`]);
  graph.add('Add', `${output}_bias_add`, [scaled, `${output}_bias_reshape_output`], [output]);
};

/** LSTM with constant weights: com.microsoft.DynamicQuantizeLSTM, weights transposed to [directions, in, 4 · hidden]. */
const lstm: Rewrite = async (graph, node) => {
  const [x, w, r, ...rest] = node.inputs;
  const shapes = [w, r].map((name) => dimsOf(graph.weight(name)));
  const weights: QuantizedValue[] = [];
  for (const [i, name] of [w, r].entries()) weights.push(await recurrentWeight(graph, name, shapes[i]));
  graph.restore(x);
  const optional = [0, 1, 2, 3, 4].map((i) => rest[i] ?? '');
  const qparams = weights.flatMap(({ scale, zeroPoint }) => [scale, zeroPoint]);
  const inputs = [x, weights[0].codes, weights[1].codes, ...optional, ...qparams];
  const name = node.name === '' ? '' : `${node.name}_quant`;
  // Batch-first layout is not of this operator; the node that has it would mean something else.
  graph.add('DynamicQuantizeLSTM', name, inputs, node.outputs, graph.attributes(node, ['layout']), 'com.microsoft');
};

/** One scale a direction, or one a row. */
function recurrentWeight(
  graph: OnnxRewriter,
  name: string,
  [directions, rows, columns]: readonly number[],
): Promise<QuantizedValue> {
  const shape = graph.perChannel ? [directions * rows, columns] : [directions, rows, columns];
  const scaleShape = graph.perChannel ? [directions, rows] : [directions];
  return graph.channelWeight(name, shape, 0, scaleShape, {
    shape: [directions, columns, rows],
    arrange(codes) {
      const size = rows * columns;
      const out = new Uint8Array(codes.length);
      for (let d = 0; d < directions; d++)
        out.set(transposed(codes.subarray(d * size, (d + 1) * size), rows, columns), d * size);
      return out;
    },
  });
}

/** Gather from a constant table: uint8 codes are gathered, and made float where they are read. */
const gather: Rewrite = async (graph, node) => {
  const [table, indices] = node.inputs;
  const value = await graph.tensorWeight(table, { type: 'uint8', reduceRange: false });
  passThrough(graph, node, value, [value.codes, indices]);
};

/** Passes on the codes of a value that has some already; false for any other node. */
export function passOnCodes(graph: OnnxRewriter, node: OnnxNode): boolean {
  const [input] = node.inputs;
  if (node.opType !== 'Transpose' || !graph.isQuantized(input)) return false;
  const value = graph.activation(input);
  passThrough(graph, node, value, [value.codes]);
  return true;
}

function passThrough(graph: OnnxRewriter, node: OnnxNode, value: QuantizedValue, inputs: readonly string[]): void {
  const [output] = node.outputs;
  const codes = `${output}_quantized`;
  graph.add(node.opType, node.name, inputs, [codes], graph.attributes(node), node.domain);
  graph.passOn(output, { ...value, codes });
  graph.codesOnly(output);
}

/** com.microsoft.Attention with constant weights: QAttention. */
const attention: Rewrite = async (graph, node) => {
  const [input, weight, bias, mask, past] = node.inputs;
  const x = graph.activation(input);
  const w = await matrixWeight(graph, weight);
  const scales = [x.scale, w.scale];
  const inputs = [x.codes, w.codes, bias, ...scales, mask ?? '', x.zeroPoint, w.zeroPoint, past ?? ''];
  const name = node.name === '' ? '' : `${node.name}_quant`;
  graph.add('QAttention', name, inputs, node.outputs, graph.attributes(node), 'com.microsoft');
};

const rewrites: Readonly<Record<string, Rewrite>> = {
  MatMul: matMul,
  Gemm: gemm,
  Conv: conv,
  LSTM: lstm,
  Gather: gather,
  Attention: attention,
};

/** Writes the quantized form of a node that `constantWeights` finds constants of. */
export function rewriteNode(graph: OnnxRewriter, node: OnnxNode): Promise<void> {
  return rewrites[node.opType](graph, node);
}
