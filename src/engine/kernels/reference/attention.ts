import type { AttentionCall, AttentionMask, AttentionResult } from '../layerKernels';
import { dotFloat } from './floatProduct';
import { softmaxRow } from './softmaxRow';

/** See LayerKernels.attention. */
export function attention(call: AttentionCall): AttentionResult {
  const { query, keys, values, heads, width, batch, target, source, mask, abort } = call;
  const embed = heads * width;
  const output = new Float32Array(target * batch * embed);
  const sums = new Float64Array(batch * target * source);
  const row = new Float64Array(source);
  const shares = new Float32Array(source);
  const divisor = Math.sqrt(width);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      abort.throwIfAborted();
      const at = (step: number) => (step * batch + b) * embed + h * width;
      const columns = columnsOf(values, source, width, at);
      for (let t = 0; t < target; t++) {
        for (let s = 0; s < source; s++) {
          const score = dotFloat(query, at(t), keys, at(s), width);
          row[s] = score / divisor + maskOf(mask, b, b * heads + h, t, s, target, source);
        }
        softmaxRow(row, shares, 0);
        for (let s = 0; s < source; s++) sums[(b * target + t) * source + s] += shares[s];
        for (let i = 0; i < width; i++) output[at(t) + i] = dotFloat(shares, 0, columns, i * source, source);
      }
    }
  }
  return { output, weights: Float32Array.from(sums, (sum) => sum / heads) };
}

/** One head's values as [width, source]. */
function columnsOf(values: Float32Array, source: number, width: number, at: (step: number) => number): Float32Array {
  const columns = new Float32Array(width * source);
  for (let s = 0; s < source; s++) for (let i = 0; i < width; i++) columns[i * source + s] = values[at(s) + i];
  return columns;
}

function maskOf(
  { shared, perHead, padding }: AttentionMask,
  batch: number,
  head: number,
  t: number,
  s: number,
  target: number,
  source: number,
): number {
  const row = perHead ? head * target + t : t;
  return (
    (shared === undefined ? 0 : shared[row * source + s]) + (padding === undefined ? 0 : padding[batch * source + s])
  );
}
