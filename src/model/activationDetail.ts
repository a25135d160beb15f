import type { AbortCheck } from '../core/abort';
import { selectKernels } from '../engine/kernels/dispatch';
import type { QuantizedEngine } from '../engine/quantization/engines';
import { engineSemantics } from '../engine/quantization/engines';
import { addErrorSums, errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import { chooseQParams } from '../engine/quantization/qparams';
import type { Tap } from '../engine/quantization/tap';
import type { Tensor } from '../engine/tensor/tensor';
import type { ActivationDetailDto, ActivationQueryDto, ForwardRequestDto } from '../protocol/forwardDto';
import { type Captured, captureSteps } from './capture';
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
  return describeActivations(captureSteps(query, run), query.request.engine);
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

/** One step, or several pooled on one grid over all their values. */
export function describeActivations(steps: readonly Captured[], engine: QuantizedEngine): ActivationDetailDto {
  const [only] = steps;
  return steps.length === 1 ? describeActivation(only, engine) : describePooled(steps, engine);
}

function describePooled(steps: readonly Captured[], engine: QuantizedEngine): ActivationDetailDto {
  const semantics = engineSemantics[engine];
  const values = new Float32Array(steps.reduce((sum, { values: own }) => sum + own.length, 0));
  let end = 0;
  for (const { values: own } of steps) {
    values.set(own, end);
    end += own.length;
  }
  const records = steps.map(({ record }) => record);
  const lowest = (pick: (record: Captured['record']) => number) =>
    records.reduce((low, r) => Math.min(low, pick(r)), Number.POSITIVE_INFINITY);
  const highest = (pick: (record: Captured['record']) => number) => -lowest((record) => -pick(record));
  const [min, max] = [lowest((r) => r.min), highest((r) => r.max)];
  const { scale, zeroPoint } = chooseQParams(min, max, semantics.reduceRange);
  const codes = new Uint8Array(values.length);
  selectKernels().quantizeActivation(values, scale, zeroPoint, semantics, codes);
  const record = { ...records[0], min, max, scale, zeroPoint, count: values.length, codesUsed: new Set(codes).size };
  const oneGrid = describeActivation({ record, values, codes }, engine);
  const own = addErrorSums(steps.map((step) => errorSums(step.values, restored(step))));
  return {
    ...oneGrid,
    sqnrDb: errorMetrics(own).sqnrDb,
    pooled: {
      steps: steps.length,
      lowestScale: lowest((r) => r.scale),
      highestScale: highest((r) => r.scale),
      lowestZeroPoint: lowest((r) => r.zeroPoint),
      highestZeroPoint: highest((r) => r.zeroPoint),
      sqnrDb: oneGrid.sqnrDb,
    },
  };
}

/** What the codes stand for. */
function restored({ record, codes }: Captured): Float32Array {
  return Float32Array.from(codes, (code) => (code - record.zeroPoint) * record.scale);
}

function describeActivation(captured: Captured, engine: QuantizedEngine): ActivationDetailDto {
  const { record, values, codes } = captured;
  const counts = new Array<number>(256).fill(0);
  for (const code of codes) counts[code]++;
  const stride = Math.max(1, Math.ceil(values.length / maxValues));
  const { min, max, scale, zeroPoint, codesUsed, count } = record;
  const { sqnrDb } = errorMetrics(errorSums(values, restored(captured)));
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
