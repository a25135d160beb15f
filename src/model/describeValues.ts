import {
  addToBins,
  binEdges,
  emptyBins,
  mergeStats,
  noStats,
  percentiles,
  sampleStride,
  standardDeviation,
  sumStats,
} from '../engine/stats/tensorStats';
import type { TensorStatsDto } from '../protocol/tensorDto';
import type { ModelTensor } from './openModel';
import type { ValueTiles } from './tensorTiles';

/** Statistics and histogram in two passes over the tiles: the bins need the range. */
export async function describeValues(
  { name, shape, dtype }: ModelTensor,
  source: ValueTiles,
  bins: number,
): Promise<Omit<TensorStatsDto, 'stored'>> {
  const stride = sampleStride(source.count);
  const sample = new Float32Array(Math.ceil(source.count / stride));
  let sums = noStats;
  let sampled = 0;
  let seen = 0;
  for await (const tile of source.tiles()) {
    sums = mergeStats(sums, sumStats(tile));
    for (let i = (stride - (seen % stride)) % stride; i < tile.length; i += stride) sample[sampled++] = tile[i];
    seen += tile.length;
  }
  const { count, min, max, mean, zeros, nan, inf } = sums;
  const empty = count === 0;
  const counted = emptyBins(bins, empty ? 0 : min, empty ? 0 : max);
  if (!empty) for await (const tile of source.tiles()) addToBins(counted, tile);
  const [p01, p99] = percentiles(sample, [0.01, 0.99]);
  return {
    name,
    shape,
    dtype,
    count: source.count,
    min: empty ? Number.NaN : min,
    max: empty ? Number.NaN : max,
    mean: empty ? Number.NaN : mean,
    std: standardDeviation(sums),
    zeros,
    nan,
    inf,
    p01,
    p99,
    histogram: { edges: [...binEdges(counted)], counts: [...counted.counts] },
  };
}
