import type { DType } from '../../core/dtype';
import type { OnnxGraph, OnnxModel } from '../../formats/onnx/types';

/** DynamicQuantizeLinear came with this opset. */
const firstOpset = 11;

/** What may stand in a graph's inputs and outputs, by TensorProto.DataType. */
export const valueTypes: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
};

/** Why dynamic quantization cannot rewrite a graph; undefined where it can. */
export function rewriteRefusal({ opsets, training }: OnnxModel, graph: OnnxGraph): string | undefined {
  const opset = Number(opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0);
  if (opset < firstOpset) return `its opset is ${opset}, and dynamic quantization needs ${firstOpset}`;
  if (graph.nodesElided > 0) return 'it has more nodes than are read';
  if (graph.sparseInitializers.length > 0 || training.length > 0) return 'it has sparse constants or training graphs';
  if ([...graph.inputs, ...graph.outputs].some(({ elemType }) => valueTypes[elemType] === undefined))
    return 'an input or output is no tensor of numbers';
  return undefined;
}
