import type { ErrorSums } from '../quantization/errorMetrics';
import type { StatsSums } from '../stats/tensorStats';

/** Elements of a tile; every streaming kernel takes at most so many, and callers go on with the next. */
export const tileLength = 65_536;

/** Kernels over values that stream by, a tile at a time. */
export interface StreamKernels {
  stats(values: Float32Array): StatsSums;
  /** Adds the values to `counts`: bin ⌊(x − low) · perUnit⌋, the upper edge to the last; others are left out. */
  histogram(values: Float32Array, low: number, perUnit: number, counts: Float64Array): void;
  /** int8 codes of weights: `clamp(round(x · inverse), −128, 127)`, ties to even. */
  quantize(values: Float32Array, inverse: number, codes: Int8Array): void;
  errors(reference: Float32Array, values: Float32Array): ErrorSums;
  /** NaN in both when there is one; an inverted range for no values. */
  range(values: Float32Array): { readonly min: number; readonly max: number };
  /** IEEE binary16 patterns to float32. */
  float16(patterns: Uint16Array, out: Float32Array): void;
}

/** Calls `each` with [start, end) of one tile after the other. */
export function forTiles(length: number, each: (start: number, end: number) => void): void {
  for (let start = 0; start < length; start += tileLength) each(start, Math.min(start + tileLength, length));
}
