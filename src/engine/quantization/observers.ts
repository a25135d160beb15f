import { selectKernels } from '../kernels/dispatch';
import { forTiles } from '../kernels/streamKernels';
import { symmetricScale } from './qparams';

/**
 * torch.ao.quantization's MinMaxObserver and PerChannelMinMaxObserver: they look at values and
 * give the scale. All arithmetic is float32.
 */

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Smallest and largest value; NaN in both as soon as one value is NaN; empty input gives an inverted range. */
export function observeRange(values: Float32Array): Range {
  const { streams } = selectKernels();
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  forTiles(values.length, (start, end) => {
    const part = streams.range(values.subarray(start, end));
    // Math.min and Math.max keep a NaN.
    min = Math.min(min, part.min);
    max = Math.max(max, part.max);
  });
  return { min, max };
}

/** MinMaxObserver, per_tensor_symmetric: one scale; 1 for a weight without elements. */
export function minMaxObserver(weight: Float32Array): number {
  if (weight.length === 0) return 1;
  const { min, max } = observeRange(weight);
  return symmetricScale(min, max);
}

/** PerChannelMinMaxObserver, per_channel_symmetric over axis 0: one scale a row of the [rows, columns] weight. */
export function perChannelMinMaxObserver(weight: Float32Array, rows: number): Float64Array {
  const columns = rows === 0 ? 0 : weight.length / rows;
  return Float64Array.from({ length: rows }, (_, row) =>
    minMaxObserver(weight.subarray(row * columns, (row + 1) * columns)),
  );
}
