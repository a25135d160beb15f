import { selectKernels } from '../kernels/dispatch';
import { forTiles, type StreamKernels } from '../kernels/streamKernels';
import { type Bins, binEdge, type StatsSums, sumStats } from './tensorStats';

/** Percentiles of so many values are exact; of more, they are those of an even sample. */
const maxExact = 1_000_000;

/** Places a percentile of 1 % within 0.04 % of the values. */
const sampled = 65_536;

/** So few are sorted; counting more takes tables of 65 536. */
const maxSorted = 1024;

const largest = 3.4028234663852886e38;

/** Every so manieth of `count` values stands for all of them where percentiles are taken. */
export function sampleStride(count: number): number {
  return count <= maxExact ? 1 : Math.ceil(count / sampled);
}

/** What is known of values whose percentiles are asked for. */
export interface Known {
  readonly sums: StatsSums;
  /** A histogram of them, or of those that they are a sample of: it says where to look. */
  readonly bins: Bins;
}

/**
 * Finite values below which the given shares lie, interpolated as torch.quantile does. Exact: where a histogram is
 * known, only the values around the place that it points to are ordered, and all where it points elsewhere.
 */
export function percentiles(values: Float32Array, shares: readonly number[], known?: Known): number[] {
  const { count, min, max } = known?.sums ?? sumStats(values);
  if (count === 0 || min === max) return shares.map(() => (count === 0 ? Number.NaN : min));
  return shares.map((share) => {
    const at = share * (count - 1);
    const place = Math.floor(at);
    const [below, above] = neighbours(values, place, Math.min(place + 1, count - 1), known);
    return below + (above - below) * (at - place);
  });
}

/** The values at two places in the order of size. */
function neighbours(
  values: Float32Array,
  first: number,
  second: number,
  known: Known | undefined,
): readonly [number, number] {
  const near = known && gathered(values, windowOf(known, first));
  if (near !== undefined && first >= near.below && second < near.below + near.found.length) {
    return ranked(near.found, first - near.below, second - near.below);
  }
  return ranked(gathered(values, everything).found, first, second);
}

type Window = readonly [low: number, high: number];
const everything: Window = [-largest, largest];

/** The bin where a place is expected and its neighbours. */
function windowOf({ sums, bins }: Known, place: number): Window {
  const { counts } = bins;
  const total = counts.reduce((sum, one) => sum + one, 0);
  const wanted = (place / sums.count) * total;
  let bin = 0;
  for (let before = counts[0]; before <= wanted && bin < counts.length - 1; before += counts[bin]) bin++;
  return [binEdge(bins, Math.max(bin - 1, 0)), binEdge(bins, Math.min(bin + 2, counts.length))];
}

/** The values within a window, and how many are less. */
function gathered(values: Float32Array, [low, high]: Window): { readonly below: number; readonly found: Float32Array } {
  const { streams } = selectKernels();
  const parts: ReturnType<StreamKernels['gather']>[] = [];
  forTiles(values.length, (start, end) => parts.push(streams.gather(values.subarray(start, end), low, high)));
  const found = new Float32Array(parts.reduce((sum, part) => sum + part.found.length, 0));
  let at = 0;
  for (const part of parts) {
    found.set(part.found, at);
    at += part.found.length;
  }
  return { below: parts.reduce((sum, part) => sum + part.below, 0), found };
}

/** The values that would stand at two places if all were sorted. */
function ranked(values: Float32Array, first: number, second: number): readonly [number, number] {
  if (values.length <= maxSorted) {
    const sorted = values.sort();
    return [sorted[first], sorted[second]];
  }
  return [rank(values, first), rank(values, second)];
}

/** Counted by the upper 16 bits, and those of the place's count by the lower ones: two passes whatever the values are. */
function rank(values: Float32Array, place: number): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint32Array(0x10000);
  for (let i = 0; i < bits.length; i++) upper[keyOf(bits[i]) >>> 16]++;
  const top = bucketOf(upper, place);
  const lower = new Uint32Array(0x10000);
  for (let i = 0; i < bits.length; i++) {
    const key = keyOf(bits[i]);
    if (key >>> 16 === top.bucket) lower[key & 0xffff]++;
  }
  const key = ((top.bucket << 16) | bucketOf(lower, top.place).bucket) >>> 0;
  return new Float32Array(Uint32Array.of(key >>> 31 ? key ^ 0x80000000 : ~key).buffer)[0];
}

/** A pattern as an integer of the same order: negative floats sort backwards as integers, and above the others. */
function keyOf(pattern: number): number {
  return (pattern >>> 31 ? ~pattern : pattern ^ 0x80000000) >>> 0;
}

/** The bucket that a place falls into, and its place there. */
function bucketOf(counts: Uint32Array, place: number): { readonly bucket: number; readonly place: number } {
  let before = 0;
  let bucket = 0;
  while (before + counts[bucket] <= place) before += counts[bucket++];
  return { bucket, place: place - before };
}
