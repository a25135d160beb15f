import { selectKernels } from '../kernels/dispatch';
import { forTiles } from '../kernels/streamKernels';

/** How far quantized values are from the float ones. */
export interface ErrorMetrics {
  /** 10 · log10(Σ x² / Σ (x − y)²); infinite where nothing differs. */
  readonly sqnrDb: number;
  readonly rmse: number;
  readonly maxAbsError: number;
}

/** Sums that can be added over tensors before the logarithm is taken. */
export interface ErrorSums {
  readonly signal: number;
  readonly noise: number;
  readonly maxAbs: number;
  readonly count: number;
}

export function errorSums(reference: Float32Array, values: Float32Array): ErrorSums {
  return addErrorSums(errorParts(reference, values));
}

/** The sums of every `tileLength` values: a large tensor's come in turns, and adding them in order gives the same sum. */
export function errorParts(reference: Float32Array, values: Float32Array): ErrorSums[] {
  const { streams } = selectKernels();
  const parts: ErrorSums[] = [];
  forTiles(reference.length, (start, end) => {
    parts.push(streams.errors(reference.subarray(start, end), values.subarray(start, end)));
  });
  return parts;
}

export function addErrorSums(sums: readonly ErrorSums[]): ErrorSums {
  return sums.reduce(
    (a, b) => ({
      signal: a.signal + b.signal,
      noise: a.noise + b.noise,
      maxAbs: Math.max(a.maxAbs, b.maxAbs),
      count: a.count + b.count,
    }),
    { signal: 0, noise: 0, maxAbs: 0, count: 0 },
  );
}

export function errorMetrics({ signal, noise, maxAbs, count }: ErrorSums): ErrorMetrics {
  const sqnrDb = noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  return { sqnrDb, rmse: count === 0 ? 0 : Math.sqrt(noise / count), maxAbsError: maxAbs };
}

/** What the recipe prints, and more: means of magnitudes over all elements, in double. */
export interface Accuracy {
  readonly meanAbsFloat: number;
  readonly meanAbsQuantized: number;
  readonly meanAbsDiff: number;
  /** meanAbsDiff as a percentage of meanAbsFloat. */
  readonly percent: number;
  readonly maxAbsDiff: number;
  readonly sqnrDb: number;
  readonly cosine: number;
}

export function accuracy(float: Float32Array, quantized: Float32Array): Accuracy {
  let absFloat = 0;
  let absQuantized = 0;
  let absDiff = 0;
  let dot = 0;
  let squares = 0;
  for (let i = 0; i < float.length; i++) {
    absFloat += Math.abs(float[i]);
    absQuantized += Math.abs(quantized[i]);
    absDiff += Math.abs(Math.fround(float[i] - quantized[i]));
    dot += float[i] * quantized[i];
    squares += quantized[i] * quantized[i];
  }
  const sums = errorSums(float, quantized);
  const n = Math.max(float.length, 1);
  return {
    meanAbsFloat: absFloat / n,
    meanAbsQuantized: absQuantized / n,
    meanAbsDiff: absDiff / n,
    percent: absFloat === 0 ? 0 : (absDiff / absFloat) * 100,
    maxAbsDiff: sums.maxAbs,
    sqnrDb: errorMetrics(sums).sqnrDb,
    cosine: sums.signal === 0 || squares === 0 ? 1 : dot / Math.sqrt(sums.signal * squares),
  };
}
