import { bfloat16ToNumber, float16ToNumber } from '../../core/floatFormats';
import { numel } from '../../core/shape';
import type { Quantization, Warning } from '../types';
import type { ScopedGraph } from './scopes';
import type { Placed } from './tensorRecords';
import type { OnnxInt, OnnxNode, OnnxTensor } from './types';

/** Which inputs of an operator are a quantized value, its scale and its zero point. */
interface Operands {
  readonly value: number;
  /** Undefined for integer operators, whose scale is named after the value. */
  readonly scale?: number;
  readonly zeroPoint: number;
  /** The axis of scales that are a list, counted from the end when negative. */
  readonly axis: number;
}

const last = -1;

/**
 * Inputs by operator: ONNX's QDQ and QOperator forms (onnx operators, opset 10 to 28) and the
 * contributed operators of ONNX Runtime (docs/ContribOperators.md).
 */
const operators: Readonly<Record<string, readonly Operands[]>> = {
  DequantizeLinear: [{ value: 0, scale: 1, zeroPoint: 2, axis: 1 }],
  QLinearMatMul: [
    { value: 0, scale: 1, zeroPoint: 2, axis: last },
    { value: 3, scale: 4, zeroPoint: 5, axis: last },
  ],
  QLinearConv: [
    { value: 0, scale: 1, zeroPoint: 2, axis: 0 },
    { value: 3, scale: 4, zeroPoint: 5, axis: 0 },
  ],
  MatMulInteger: [
    { value: 0, zeroPoint: 2, axis: last },
    { value: 1, zeroPoint: 3, axis: last },
  ],
  ConvInteger: [{ value: 1, zeroPoint: 3, axis: 0 }],
  DynamicQuantizeMatMul: [{ value: 1, scale: 2, zeroPoint: 3, axis: last }],
  MatMulIntegerToFloat: [
    { value: 0, scale: 2, zeroPoint: 4, axis: last },
    { value: 1, scale: 3, zeroPoint: 5, axis: last },
  ],
  DynamicQuantizeLSTM: [
    { value: 1, scale: 8, zeroPoint: 9, axis: 0 },
    { value: 2, scale: 10, zeroPoint: 11, axis: 0 },
  ],
  QGemm: [
    { value: 0, scale: 1, zeroPoint: 2, axis: last },
    { value: 3, scale: 4, zeroPoint: 5, axis: last },
  ],
  QAttention: [{ value: 1, scale: 4, zeroPoint: 7, axis: last }],
  QLinearAdd: [
    { value: 0, scale: 1, zeroPoint: 2, axis: last },
    { value: 3, scale: 4, zeroPoint: 5, axis: last },
  ],
  QLinearMul: [
    { value: 0, scale: 1, zeroPoint: 2, axis: last },
    { value: 3, scale: 4, zeroPoint: 5, axis: last },
  ],
};

/** What quantizes the initializers, by name, with what is wrong with it. */
export interface QuantizationFindings {
  readonly byName: ReadonlyMap<string, Quantization>;
  readonly warnings: readonly Warning[];
}

/** Scales and zero points of every initializer that an operator of the graphs takes as quantized. */
export function findQuantization(
  graphs: readonly ScopedGraph[],
  placed: ReadonlyMap<string, { readonly tensor: OnnxTensor } & Placed>,
): QuantizationFindings {
  const byName = new Map<string, Quantization>();
  const warnings: Warning[] = [];
  const bad = (node: OnnxNode, what: string) =>
    warnings.push({
      code: 'E_ONNX_QPARAMS',
      message: `${node.opType} ${JSON.stringify(node.name.slice(0, 80))} ${what}; ONNX Runtime refuses it.`,
    });
  for (const { graph } of graphs)
    for (const node of graph.nodes) {
      if (node.opType === 'QuantizeLinear') checkScale(node, placed.get(node.inputs[1] ?? '')?.tensor, bad);
      for (const operands of Object.hasOwn(operators, node.opType) ? operators[node.opType] : []) {
        const name = node.inputs[operands.value] ?? '';
        const value = placed.get(name);
        const scaleName = operands.scale === undefined ? scaleBeside(name) : node.inputs[operands.scale];
        const scale = placed.get(scaleName ?? '');
        if (scale === undefined) continue;
        if (!checkScale(node, scale.tensor, bad) || value === undefined || byName.has(name)) continue;
        const zeroPoint = placed.get(node.inputs[operands.zeroPoint] ?? '');
        const axis = axisOf(node, operands, value.record.shape.length);
        const found = quantizationOf(value, scale, zeroPoint, axis);
        if (found === 'axis') bad(node, `names axis ${axis} of a tensor with ${value.record.shape.length} dimensions`);
        else if (found !== undefined) byName.set(name, found);
      }
    }
  return { byName, warnings };
}

/** onnxruntime.quantization names the scale of `w_quantized` `w_scale`. */
function scaleBeside(name: string): string {
  return `${name.replace(/_quantized$/, '')}_scale`;
}

function checkScale(
  node: OnnxNode,
  tensor: OnnxTensor | undefined,
  bad: (node: OnnxNode, what: string) => void,
): boolean {
  const wrong =
    tensor === undefined ? undefined : inlineValues(tensor)?.find((scale) => !(scale > 0 && scale < Infinity));
  if (wrong !== undefined) bad(node, `has a scale of ${wrong}`);
  return wrong === undefined;
}

function axisOf(node: OnnxNode, { axis }: Operands, rank: number): number {
  const written: OnnxInt | undefined =
    node.opType === 'DequantizeLinear' ? node.attributes.find(({ name }) => name === 'axis')?.i : undefined;
  const transposed = node.opType === 'QGemm' && node.attributes.some(({ name, i }) => name === 'transB' && i === 1);
  const chosen = transposed ? 0 : Number(written ?? axis);
  return chosen < 0 ? chosen + rank : chosen;
}

function quantizationOf(
  value: Placed,
  scale: { readonly tensor: OnnxTensor } & Placed,
  zeroPoint: ({ readonly tensor: OnnxTensor } & Placed) | undefined,
  axis: number,
): Quantization | 'axis' | undefined {
  const scales = inlineValues(scale.tensor);
  const { shape } = value.record;
  const count = numel(scale.record.shape);
  if (count === 1) {
    if (scales === undefined) return undefined;
    const zero = zeroPoint === undefined ? [0] : inlineValues(zeroPoint.tensor);
    return zero === undefined ? undefined : { scheme: 'per_tensor', scale: scales[0], zeroPoint: zero[0] };
  }
  if (axis < 0 || axis >= shape.length) return 'axis';
  // A list for each of several directions or blocks is neither per tensor nor per channel.
  const channels =
    shape[axis] === count ? axis : shape.length > 0 && shape.at(-1) === count ? shape.length - 1 : undefined;
  if (channels === undefined || scale.record.problem !== undefined) return undefined;
  // Half precision would have to be widened; lists of it that are not at hand stay unread.
  if (scales === undefined && scale.record.dtype !== 'float32') return undefined;
  return {
    scheme: 'per_channel',
    scales: scales ?? scale.record,
    zeroPoints: zeroPoint?.record ?? new Array<number>(count).fill(0),
    axis: channels,
  };
}

/** The few values of a scale or a zero point, which the scan kept; undefined when there are many. */
function inlineValues({ data, dataType }: OnnxTensor): number[] | undefined {
  const run = data.length === 1 ? data[0] : undefined;
  const bytes = run?.inline;
  if (run === undefined || bytes === undefined) return undefined;
  if (run.field === 'int32') return bytes.length === 1 ? [bytes[0]] : undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readers.get(dataType);
  if (read === undefined) return undefined;
  return Array.from({ length: Math.floor(bytes.length / read.width) }, (_, i) => read.get(view, i * read.width));
}

const readers: ReadonlyMap<number, { readonly width: number; readonly get: (view: DataView, at: number) => number }> =
  new Map([
    [1, { width: 4, get: (view, at) => view.getFloat32(at, true) }],
    [2, { width: 1, get: (view, at) => view.getUint8(at) }],
    [3, { width: 1, get: (view, at) => view.getInt8(at) }],
    [4, { width: 2, get: (view, at) => view.getUint16(at, true) }],
    [5, { width: 2, get: (view, at) => view.getInt16(at, true) }],
    [6, { width: 4, get: (view, at) => view.getInt32(at, true) }],
    [10, { width: 2, get: (view, at) => float16ToNumber(view.getUint16(at, true)) }],
    [11, { width: 8, get: (view, at) => view.getFloat64(at, true) }],
    [16, { width: 2, get: (view, at) => bfloat16ToNumber(view.getUint16(at, true)) }],
  ]);
