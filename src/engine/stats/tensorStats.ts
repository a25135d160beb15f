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

/** Counts the finite values of a batch, none of which may lie outside; the last bin includes its upper edge. As `histogramOf`. */
export function addToBins({ low, high, counts }: Bins, batch: Float32Array): () => void {
  return selectKernels().streams.histogramOf(batch, low, counts.length / (high - low), counts);
}

export function binEdges(bins: Bins): number[] {
  return listOf(bins.counts.length + 1, (i) => binEdge(bins, i));
}

export function binCounts({ counts }: Bins): number[] {
  return listOf(counts.length, (i) => counts[i]);
}

/** Thirty times as fast as Array.from of something with a length: every row of a tree has a histogram. */
function listOf(length: number, value: (i: number) => number): number[] {
  const list = new Array<number>(length);
  for (let i = 0; i < length; i++) list[i] = value(i);
  return list;
}

/** Where bin `i` begins; the last bin's end for their number. */
export function binEdge({ low, high, counts }: Bins, i: number): number {
  return i === counts.length ? high : low + ((high - low) * i) / counts.length;
}
