import type { AbortCheck } from '../core/abort';
import { selectKernels } from '../engine/kernels/dispatch';
import type { QuantizedEngine } from '../engine/quantization/engines';
import { engineSemantics } from '../engine/quantization/engines';
import { errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import type { Tap } from '../engine/quantization/tap';
import type { Tensor } from '../engine/tensor/tensor';
import type { ActivationDetailDto, ActivationQueryDto, ForwardRequestDto } from '../protocol/forwardDto';
import { type Captured, capture } from './capture';
import { comparisonSpec, loadPair } from './loadPair';
import { findModule, type Model } from './openModel';
import { requestInputs } from './randomInputs';
import { defaultInputs } from './runnable';

const maxValues = 512;

/** The values behind one chosen scale: runs the quantized module again and stops to look. */
export async function activationDetail(
  model: Model,
  query: ActivationQueryDto,
  abort: AbortCheck,
  given?: readonly Tensor[],
): Promise<ActivationDetailDto> {
  const run = await tappedModule(model, query.request, abort, given);
  return describeActivation(capture(query, run), query.request.engine);
}

/** The quantized module of a request on its inputs, to be run with a tap. */
export async function tappedModule(
  model: Model,
  request: ForwardRequestDto,
  abort: AbortCheck,
  given?: readonly Tensor[],
): Promise<(tap: Tap) => void> {
  const node = findModule(model, request.module);
  const { quantized } = await loadPair(model, node, comparisonSpec(node, request), abort);
  const inputs = requestInputs(request, defaultInputs(node) ?? [], given);
  return (tap) => void quantized.forward(inputs, { kernels: selectKernels(), abort, tap });
}

export function describeActivation({ record, values, codes }: Captured, engine: QuantizedEngine): ActivationDetailDto {
  const restored = Float32Array.from(codes, (code) => (code - record.zeroPoint) * record.scale);
  const counts = new Array<number>(256).fill(0);
  for (const code of codes) counts[code]++;
  const stride = Math.max(1, Math.ceil(values.length / maxValues));
  const { min, max, scale, zeroPoint, codesUsed, count } = record;
  const { sqnrDb } = errorMetrics(errorSums(values, restored));
  return {
    count,
    values: [...values].filter((_, i) => i % stride === 0),
    codes: counts,
    min,
    max,
    scale,
    zeroPoint,
    codesUsed,
    codeMax: engineSemantics[engine].reduceRange ? 127 : 255,
    sqnrDb,
  };
}
