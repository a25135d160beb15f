import { invalid } from '../core/errors';
import type { ActivationRecord, Tap } from '../engine/quantization/tap';
import type { ActivationQueryDto } from '../protocol/forwardDto';

/** One quantization of a run: the values that were seen and the codes that they got. */
export interface Captured {
  readonly record: ActivationRecord;
  readonly values: Float32Array;
  readonly codes: Uint8Array;
}

/** Runs with a tap that keeps the one quantization that was asked for. E_NO_ACTIVATION where the run has none. */
export function capture(
  { module, weight, call, step }: Omit<ActivationQueryDto, 'request'>,
  run: (tap: Tap) => void,
): Captured {
  let captured: Captured | undefined;
  run({
    activation(record, values, codes) {
      if (record.module !== module || record.weight !== weight || record.call !== call || record.step !== step) return;
      captured = { record, values: values.slice(), codes: codes.slice() };
    },
  });
  if (captured === undefined)
    throw invalid('E_NO_ACTIVATION', `${module}.${weight} has no step ${step} in call ${call}.`);
  return captured;
}

/** Values of a range of steps that are pooled. */
const maxPooled = 20_000_000;

/** Runs with a tap that keeps the quantization that was asked for, and those up to `last` where that is given. */
export function captureSteps(
  { module, weight, call, step, last }: Omit<ActivationQueryDto, 'request'>,
  run: (tap: Tap) => void,
): Captured[] {
  const order = (record: { readonly call: number; readonly step: number }) => record.call * 2 ** 32 + record.step;
  // The reverse direction of a layer goes through its steps from the end.
  const [from, to] = [order({ call, step }), order(last ?? { call, step })].sort((a, b) => a - b);
  const found = captureAll(module, weight, maxPooled, run, (record) => from <= order(record) && order(record) <= to);
  return last === undefined ? found.slice(-1) : found;
}

/** Every quantization of one product in the order of the run, copied: at most `maxValues` values in all. */
export function captureAll(
  module: string,
  weight: string,
  maxValues: number,
  run: (tap: Tap) => void,
  wanted: (record: ActivationRecord) => boolean = () => true,
): Captured[] {
  const found: Captured[] = [];
  let total = 0;
  run({
    activation(record, values, codes) {
      if (record.module !== module || record.weight !== weight || !wanted(record)) return;
      total += values.length;
      if (total > maxValues) {
        throw invalid('E_ACTIVATION_LIMIT', `${module}.${weight} has more than ${maxValues} values in this run.`, {
          hint: 'Run with a shorter sequence or a smaller batch.',
        });
      }
      found.push({ record, values: values.slice(), codes: codes.slice() });
    },
  });
  if (found.length === 0) throw invalid('E_NO_ACTIVATION', `${module}.${weight} was not quantized in this run.`);
  return found;
}
