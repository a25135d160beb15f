import type { AbortCheck } from '../core/abort';
import { invalid, type QuantscopeError } from '../core/errors';
import { selectKernels } from '../engine/kernels/dispatch';
import type { PackedLinear } from '../engine/quantization/dynamicLinear';
import { type ExplainedElement, explainElement } from '../engine/quantization/explainElement';
import type { Tap } from '../engine/quantization/tap';
import type { Tensor } from '../engine/tensor/tensor';
import type { ExplainedElementDto, ExplainQueryDto } from '../protocol/forwardDto';
import { type Captured, capture } from './capture';
import { comparisonSpec, loadPair } from './loadPair';
import { findModule, type Model } from './openModel';
import { requestInputs } from './randomInputs';
import { defaultInputs } from './runnable';

const maxTerms = 512;

/** What makes one output number of a quantized product: runs the module again and takes it apart. */
export async function explainOutput(
  model: Model,
  query: ExplainQueryDto,
  abort: AbortCheck,
  given?: readonly Tensor[],
): Promise<ExplainedElementDto> {
  const { request } = query;
  const node = findModule(model, request.module);
  const { tree, quantized, dynamics } = await loadPair(model, node, comparisonSpec(node, request), abort);
  const product = dynamics.get(query.module)?.products.find(({ name }) => name === query.weight);
  const floatWeight = tree.quantizable.get(query.module)?.weights.get(query.weight);
  if (product === undefined) throw noProduct(query);
  const inputs = requestInputs(request, defaultInputs(node) ?? [], given);
  const run = (tap: Tap) => void quantized.forward(inputs, { kernels: selectKernels(), abort, tap });
  return explainCaptured(query, capture(query, run), product, floatWeight);
}

export function noProduct({ module, weight }: ExplainQueryDto): QuantscopeError {
  return invalid('E_NO_ACTIVATION', `${module}.${weight} is not a quantized product of this module.`);
}

/** The element of a captured activation's product; without a float weight its terms have none. */
export function explainCaptured(
  query: ExplainQueryDto,
  { record, values, codes }: Captured,
  product: PackedLinear,
  floatWeight: Float32Array | undefined,
): ExplainedElementDto {
  const { request, row, channel } = query;
  const { module, weight, scale, zeroPoint, min, max } = record;
  const element = explainElement(product, values, codes, record, row, channel);
  const { rows: channels, columns: k } = product.weight;
  const floatWeights = floatWeight?.subarray(channel * k, (channel + 1) * k) ?? new Float32Array(k);
  let floatSum = element.bias ?? 0;
  for (let i = 0; i < k; i++) floatSum += element.values[i] * floatWeights[i];
  const { weightScale, accumulator, largestPartial, multiplier, bias, output, saturatedPairs, pairs } = element;
  return {
    module,
    weight,
    engine: request.engine,
    row,
    channel,
    rows: k === 0 ? 0 : codes.length / k,
    channels,
    scale,
    zeroPoint,
    min,
    max,
    weightScale,
    accumulator,
    largestPartial,
    multiplier,
    bias: bias ?? null,
    output,
    floatOutput: Math.fround(floatSum),
    saturatedPairs,
    pairs,
    k,
    terms: terms(element, floatWeights, zeroPoint),
  };
}

/** All terms, or the largest of them, in their order. */
function terms({ values, codes, weights }: ExplainedElement, floatWeights: Float32Array, zeroPoint: number) {
  const all = Array.from(codes, (code, index) => ({
    index,
    value: values[index],
    code,
    floatWeight: floatWeights[index],
    weight: weights[index],
    product: (code - zeroPoint) * weights[index],
  }));
  if (all.length <= maxTerms) return all;
  all.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  return all.slice(0, maxTerms).sort((a, b) => a.index - b.index);
}
