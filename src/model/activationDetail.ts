import type { AbortCheck } from '../core/abort';
import { selectKernels } from '../engine/kernels/dispatch';
import { engineSemantics, type QuantizedEngine } from '../engine/quantization/engines';
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
  return describeActivations(captureSteps(query, run), engineGrid(query.request.engine));
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

/** How whoever quantizes an activation makes codes of it. */
export interface ActivationGrid {
  /** The largest code that a value can get. */
  readonly codeMax: number;
  quantize(
    values: Float32Array,
    min: number,
    max: number,
  ): Pick<Captured['record'], 'scale' | 'zeroPoint'> & Pick<Captured, 'codes'>;
}

/** The grid of PyTorch's engines: 127 codes where one keeps a bit of the activations back. */
export function engineGrid(engine: QuantizedEngine): ActivationGrid {
  const semantics = engineSemantics[engine];
  return {
    codeMax: semantics.reduceRange ? 127 : 255,
    quantize(values, min, max) {
      const { scale, zeroPoint } = chooseQParams(min, max, semantics.reduceRange);
      const codes = new Uint8Array(values.length);
      selectKernels().quantizeActivation(values, scale, zeroPoint, semantics, codes);
      return { scale, zeroPoint, codes };
    },
  };
}

/** One step, or several pooled on one grid over all their values. */
export function describeActivations(steps: readonly Captured[], grid: ActivationGrid): ActivationDetailDto {
  const [only] = steps;
  return steps.length === 1 ? describeActivation(only, grid.codeMax) : describePooled(steps, grid);
}

function describePooled(steps: readonly Captured[], grid: ActivationGrid): ActivationDetailDto {
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
  const { scale, zeroPoint, codes } = grid.quantize(values, min, max);
  const record = { ...records[0], min, max, scale, zeroPoint, count: values.length, codesUsed: new Set(codes).size };
  const oneGrid = describeActivation({ record, values, codes }, grid.codeMax);
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

function describeActivation(captured: Captured, codeMax: number): ActivationDetailDto {
  const { record, values, codes } = captured;
  const counts = new Array<number>(256).fill(0);
  for (const code of codes) counts[code]++;
  const stride = Math.max(1, Math.ceil(values.length / maxValues));
  const { min, max, scale, zeroPoint, codesUsed, count } = record;
  const { sqnrDb } = errorMetrics(errorSums(values, restored(captured)));
  return {
    count,
    values: Array.from({ length: Math.ceil(values.length / stride) }, (_, i) => values[i * stride]),
    codes: counts,
    min,
    max,
    scale,
    zeroPoint,
    codesUsed,
    codeMax,
    sqnrDb,
  };
}
