import { selectKernels } from '../kernels/dispatch';
import { forTiles } from '../kernels/streamKernels';

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

export function sumStats(values: Float32Array): StatsSums {
  const { streams } = selectKernels();
  let sums = noStats;
  forTiles(values.length, (start, end) => {
    sums = mergeStats(sums, streams.stats(values.subarray(start, end)));
  });
  return sums;
}

/** The statistics of two parts together. Chan, Golub and LeVeque, 1979. */
export function mergeStats(a: StatsSums, b: StatsSums): StatsSums {
  const count = a.count + b.count;
  if (a.count === 0 || b.count === 0) {
    return { ...(a.count === 0 ? b : a), nan: a.nan + b.nan, inf: a.inf + b.inf };
  }
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

/** Equal bins over [min, max]. */
export interface Bins {
  readonly low: number;
  readonly high: number;
  readonly counts: Float64Array;
}

export function emptyBins(count: number, min: number, max: number): Bins {
  // All values equal: one unit around them, so that the bins have a width.
  const [low, high] = min < max ? [min, max] : [min - 0.5, max + 0.5];
  return { low, high, counts: new Float64Array(count) };
}

/** Counts the finite values, none of which may lie outside; the last bin includes its upper edge. */
export function addToBins({ low, high, counts }: Bins, values: Float32Array): void {
  const { streams } = selectKernels();
  const perUnit = counts.length / (high - low);
  forTiles(values.length, (start, end) => streams.histogram(values.subarray(start, end), low, perUnit, counts));
}

export function binEdges({ low, high, counts }: Bins): Float64Array {
  const bins = counts.length;
  return Float64Array.from({ length: bins + 1 }, (_, i) => (i === bins ? high : low + ((high - low) * i) / bins));
}

/** Percentiles of so many values are exact; of more, they are those of an even sample. */
const maxExact = 1_000_000;

/** Places a percentile of 1 % within 0.04 % of the values. */
const sampled = 65_536;

/** Every so manieth of `count` values stands for all of them where percentiles are taken. */
export function sampleStride(count: number): number {
  return count <= maxExact ? 1 : Math.ceil(count / sampled);
}

/** Finite values below which the given shares lie, interpolated as torch.quantile does. */
export function percentiles(values: Float32Array, shares: readonly number[]): number[] {
  const finite = finiteOf(values);
  if (finite.length === 0) return shares.map(() => Number.NaN);
  const places = shares.map((share) => share * (finite.length - 1));
  const wanted = places.flatMap((at) => [Math.floor(at), Math.min(Math.floor(at) + 1, finite.length - 1)]);
  const ranked = ranks(finite, wanted);
  return places.map((at, i) => {
    const [below, above] = [ranked[2 * i], ranked[2 * i + 1]];
    return below + (above - below) * (at - Math.floor(at));
  });
}

function finiteOf(values: Float32Array): Float32Array {
  const finite = new Float32Array(values.length);
  let count = 0;
  // `filter` calls a function for each of a million values.
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) finite[count++] = values[i];
  return finite.subarray(0, count);
}

/**
 * The values that would stand at these places if all were sorted. Counting by the upper 16 bits finds the
 * few that need sorting: two passes instead of n log n.
 */
function ranks(values: Float32Array, places: readonly number[]): number[] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  // Negative floats sort backwards as integers, and below the others.
  const bucketOf = (pattern: number) => (pattern >>> 31 ? 0xffff - (pattern >>> 16) : 0x8000 + (pattern >>> 16));
  const counts = new Uint32Array(0x10000);
  for (let i = 0; i < bits.length; i++) counts[bucketOf(bits[i])]++;
  const found = places.map((place) => {
    let before = 0;
    let bucket = 0;
    while (before + counts[bucket] <= place) before += counts[bucket++];
    return { bucket, place: place - before };
  });
  const members = new Map(found.map(({ bucket }) => [bucket, [] as number[]]));
  for (let i = 0; i < bits.length; i++) members.get(bucketOf(bits[i]))?.push(values[i]);
  for (const list of members.values()) list.sort((a, b) => a - b);
  return found.map(({ bucket, place }) => (members.get(bucket) as number[])[place]);
}
