import type { OnnxGraph } from '../../formats/onnx/types';

/** Operators that only a quantized graph has: ONNX's own and ONNX Runtime's. */
const quantizedOperators: ReadonlySet<string> = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'DynamicQuantizeMatMul',
  'DynamicQuantizeLSTM',
  'MatMulInteger',
  'MatMulIntegerToFloat',
  'MatMulNBits',
  'ConvInteger',
  'GatherBlockQuantized',
  'QAttention',
  'QGemm',
]);

/** True where the file holds a graph that was quantized before it was saved. */
export function isQuantizedGraph({ nodes }: OnnxGraph): boolean {
  return nodes.some(({ opType }) => quantizedOperators.has(opType) || opType.startsWith('QLinear'));
}
