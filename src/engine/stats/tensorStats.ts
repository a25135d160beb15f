/**
 * Statistics of a tensor's values, summed in double in one pass. Parts can be merged, so that a
 * tensor larger than memory is read in pieces. NaN and ±Inf are counted and left out of the rest.
 */
export interface StatsSums {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Sum of squared deviations from the mean. */
  readonly m2: number;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
}

export const noStats: StatsSums = {
  count: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  mean: 0,
  m2: 0,
  zeros: 0,
  nan: 0,
  inf: 0,
};

export function sumStats(values: ArrayLike<number>): StatsSums {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let zeros = 0;
  let nan = 0;
  let inf = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) nan++;
    else if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) inf++;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
      if (value === 0) zeros++;
      sum += value;
    }
  }
  const count = values.length - nan - inf;
  const mean = count === 0 ? 0 : sum / count;
  let m2 = 0;
  for (let i = 0; i < values.length; i++) {
    const deviation = values[i] - mean;
    if (Number.isFinite(deviation)) m2 += deviation * deviation;
  }
  return { count, min, max, mean, m2, zeros, nan, inf };
}

/** The statistics of two parts together. Chan, Golub and LeVeque, 1979. */
export function mergeStats(a: StatsSums, b: StatsSums): StatsSums {
  const count = a.count + b.count;
  if (count === 0) return { ...noStats, nan: a.nan + b.nan, inf: a.inf + b.inf };
  const delta = b.mean - a.mean;
  return {
    count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    mean: a.mean + (delta * b.count) / count,
    m2: a.m2 + b.m2 + (delta * delta * a.count * b.count) / count,
    zeros: a.zeros + b.zeros,
    nan: a.nan + b.nan,
    inf: a.inf + b.inf,
  };
}

/** The deviation of these very values, `torch.std(correction=0)`: a checkpoint is the whole population, not a sample of one. */
export function standardDeviation({ m2, count }: StatsSums): number {
  return Math.sqrt(m2 / count);
}

/** Counts of finite values in equal bins over [min, max]; the last bin includes its upper edge. */
export function histogram(
  values: ArrayLike<number>,
  bins: number,
  min: number,
  max: number,
): { edges: Float64Array; counts: Float64Array } {
  // All values equal: one unit around them, so that the bins have a width.
  const [low, high] = min < max ? [min, max] : [min - 0.5, max + 0.5];
  const counts = new Float64Array(bins);
  const perUnit = bins / (high - low);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] - low) * perUnit);
    if (bin >= 0 && bin < bins) counts[bin]++;
    else if (bin === bins && values[i] <= high) counts[bins - 1]++;
  }
  const edges = Float64Array.from({ length: bins + 1 }, (_, i) =>
    i === bins ? high : low + ((high - low) * i) / bins,
  );
  return { edges, counts };
}

/** More values than this are sampled evenly before percentiles are taken. */
const maxSorted = 1_000_000;

/** Values below which the given shares lie, interpolated as torch.quantile does. */
export function percentiles(values: ArrayLike<number>, shares: readonly number[]): number[] {
  const stride = Math.max(1, Math.ceil(values.length / maxSorted));
  const sample: number[] = [];
  for (let i = 0; i < values.length; i += stride) if (Number.isFinite(values[i])) sample.push(values[i]);
  const sorted = Float64Array.from(sample).sort();
  return shares.map((share) => {
    if (sorted.length === 0) return Number.NaN;
    const at = share * (sorted.length - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
  });
}
