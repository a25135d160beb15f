import { selectKernels } from '../engine/kernels/dispatch';
import { percentiles, sampleStride } from '../engine/stats/percentiles';
import {
  addToBins,
  type Bins,
  binCounts,
  binEdges,
  emptyBins,
  mergeStats,
  noStats,
  type StatsSums,
  standardDeviation,
  sumStats,
} from '../engine/stats/tensorStats';
import type { TensorStatsDto } from '../protocol/tensorDto';
import type { ModelTensor } from './openModel';
import { inWorkspace, type ValueTiles } from './tensorTiles';

/**
 * Statistics and histogram in two passes over the batches: the bins need the range. While one batch is read, helpers
 * may be at the one before. Of few values all are kept, so that they are read once.
 */
export async function describeValues(
  { name, shape, dtype }: ModelTensor,
  source: ValueTiles,
  bins: number,
): Promise<Omit<TensorStatsDto, 'stored'>> {
  const stride = sampleStride(source.count);
  const size = Math.ceil(source.count / stride);
  const space = selectKernels().streams.workspace(4 * size);
  const sample = () => {
    const { buffer, byteOffset } = space.bytes();
    return new Float32Array(buffer, byteOffset, size);
  };
  try {
    const sums = await sumsOf(source, (batch, start) => takeEvery(stride, batch, start, sample()));
    const empty = sums.count === 0;
    const counted = emptyBins(bins, empty ? 0 : sums.min, empty ? 0 : sums.max);
    if (!empty) await count(stride === 1 ? inWorkspace(size, sample) : source, counted);
    const known = { sums: stride === 1 ? sums : sumStats(sample()), bins: counted };
    const [p01, p99] = percentiles(sample(), [0.01, 0.99], known);
    return {
      name,
      shape,
      dtype,
      count: source.count,
      min: empty ? Number.NaN : sums.min,
      max: empty ? Number.NaN : sums.max,
      mean: empty ? Number.NaN : sums.mean,
      std: standardDeviation(sums),
      zeros: sums.zeros,
      nan: sums.nan,
      inf: sums.inf,
      p01,
      p99,
      histogram: { edges: binEdges(counted), counts: binCounts(counted) },
    };
  } finally {
    space.release();
  }
}

/** Merged in the order of the tiles, so that the sums do not depend on who made them. */
export async function sumsOf(
  source: ValueTiles,
  see: (batch: Float32Array, start: number) => void,
): Promise<StatsSums> {
  let sums = noStats;
  let start = 0;
  let parts = (): readonly StatsSums[] => [];
  for await (const batch of source.batches()) {
    for (const part of parts()) sums = mergeStats(sums, part);
    see(batch, start);
    parts = selectKernels().streams.statsOf(batch);
    start += batch.length;
  }
  for (const part of parts()) sums = mergeStats(sums, part);
  return sums;
}

async function count(source: ValueTiles, bins: Bins): Promise<void> {
  let added = () => {};
  for await (const batch of source.batches()) {
    added();
    added = addToBins(bins, batch);
  }
  added();
}

function takeEvery(stride: number, batch: Float32Array, start: number, sample: Float32Array): void {
  if (stride === 1) sample.set(batch, start);
  else {
    const first = Math.ceil(start / stride);
    for (let i = first, at = first * stride - start; at < batch.length; i++, at += stride) sample[i] = batch[at];
  }
}
