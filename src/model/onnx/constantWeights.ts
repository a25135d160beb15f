import type { OnnxNode, OnnxTensor } from '../../formats/onnx/types';

/** The constants of a node that dynamic quantization turns into codes, or why the node stays as it is. */
export type ConstantWeights = { readonly names: readonly string[] } | { readonly reason: string };

/** An initializer of float32 or float16; undefined for anything else. */
export type FindWeight = (name: string) => OnnxTensor | undefined;

type Rule = (node: OnnxNode, weight: FindWeight) => ConstantWeights;

const at =
  (index: number, reason: string): Rule =>
  ({ inputs }, weight) => {
    const name = inputs[index] ?? '';
    return weight(name) === undefined ? { reason } : { names: [name] };
  };

/** Which inputs of an operator must be constants follows onnxruntime's quantize_dynamic (its operators folder), 1.30. */
const rules: Readonly<Record<string, Rule>> = {
  MatMul: at(1, 'both of its sides are computed'),
  Gemm: gemm,
  Conv: at(1, 'its weight is no float constant'),
  LSTM: lstm,
  Gather: at(0, 'its table is no float constant'),
  Attention: attention,
};

/** Operators with constants that can become codes. */
export const quantizableOperators: readonly string[] = Object.keys(rules);

/** Undefined for an operator that dynamic quantization does not know. */
export function constantWeights(node: OnnxNode, weight: FindWeight): ConstantWeights | undefined {
  return Object.hasOwn(rules, node.opType) ? rules[node.opType](node, weight) : undefined;
}

/** Gemm that is a MatMul and an Add: no factors, the left side as it is. */
function gemm(node: OnnxNode, weight: FindWeight): ConstantWeights {
  const [, b] = node.inputs;
  const attribute = (name: string) => node.attributes.find((one) => one.name === name);
  const plain = (attribute('alpha')?.f ?? 1) === 1 && (attribute('beta')?.f ?? 1) === 1;
  if (!plain || Number(attribute('transA')?.i ?? 0) !== 0) return { reason: 'it has alpha, beta or transA' };
  return weight(b)?.dims.length === 2 ? { names: [b] } : { reason: 'its right side is no float constant' };
}

function lstm({ inputs: [, w, r] }: OnnxNode, weight: FindWeight): ConstantWeights {
  const names = [w, r];
  return names.every((name) => weight(name)?.dims.length === 3)
    ? { names }
    : { reason: 'its weights are no float constants' };
}

function attention(node: OnnxNode, weight: FindWeight): ConstantWeights {
  if (node.attributes.some(({ name }) => name === 'qkv_hidden_sizes')) return { reason: 'it has qkv_hidden_sizes' };
  return at(1, 'its weight is no float constant')(node, weight);
}
