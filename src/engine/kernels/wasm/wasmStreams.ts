import type { StatsSums } from '../../stats/tensorStats';
import { referenceStreams } from '../reference/referenceStreams';
import { batchTiles, eighthBins, forChannels, forTiles, type StreamKernels, tileLength } from '../streamKernels';
import type { Team } from './team';
import type { WasmHeap } from './wasmHeap';
import type { KernelExports } from './webAssembly';

/** More bins are counted by the reference. */
const maxBins = 65_536;

/** More are not counted together: a batch has counters for each of its tiles. */
const maxSharedBins = 1024;

/** The scratch of `histogramTile`: PLACES_BYTES, and tables of two counters more than there are bins. */
const placesBytes = 1024;
const maxFourTables = 2048;
const scratchBytes = (bins: number) => placesBytes + (bins <= maxFourTables ? 4 : 1) * 4 * (bins + 5);

/** What `statsTile` writes. */
const recordBytes = 64;
const sharedStride = Math.ceil(scratchBytes(maxSharedBins) / 64) * 64;

/**
 * Tiles in a workspace are worked on where they are; others are copied into a fixed place, so that
 * nothing here allocates. Undefined when even that does not fit.
 */
export function wasmStreams(kernels: KernelExports, heap: WasmHeap, team?: Team): StreamKernels | undefined {
  const bytes = 4 * tileLength;
  const start = heap.alloc(2 * bytes + scratchBytes(maxBins) + batchTiles * recordBytes + 64);
  const shared = team && heap.alloc(batchTiles * (sharedStride + recordBytes) + 64);
  if (start === undefined || (team && shared === undefined)) return undefined;
  const [first, second, table] = [start, start + bytes, start + 2 * bytes];
  const counters = table + placesBytes;
  const out = table + Math.ceil(scratchBytes(maxBins) / 64) * 64;

  const isInside = ({ buffer }: ArrayBufferView) => buffer === heap.f32.buffer;

  /** Where a tile lies whose last vector is its own, so that kernels may fill it up. */
  const placeWhole = (values: Float32Array, at: number): number => {
    if (values.length % 4 === 0) return placeAny(values, at);
    heap.f32.set(values, at / 4);
    return at;
  };

  /** The same for kernels that take any length. */
  const placeAny = (values: Float32Array, at: number): number => {
    if (isInside(values)) return values.byteOffset;
    heap.f32.set(values, at / 4);
    return at;
  };

  /** What `statsTile` wrote about so many values. */
  const readStats = (length: number, at: number): StatsSums => {
    const { f32, u32 } = heap;
    const [mean, m2] = new Float64Array(f32.buffer, at, 2);
    const [count, zeros, nan] = u32.subarray(at / 4 + 6, at / 4 + 9);
    return {
      count,
      min: f32[at / 4 + 4] + 0,
      max: f32[at / 4 + 5] + 0,
      mean,
      m2,
      zeros,
      nan,
      inf: length - count - nan,
    };
  };

  /** Adds a table of counters, whose last but one is the upper edge's. */
  const addCounts = (at: number, counts: Float64Array): void => {
    const bins = counts.length;
    const found = heap.u32.subarray(at / 4, at / 4 + bins + 1);
    for (let i = 0; i < bins; i++) counts[i] += found[i];
    counts[bins - 1] += found[bins];
  };

  const stats = (values: Float32Array): StatsSums => {
    if (values.length === 0 || values.length > tileLength) return referenceStreams.stats(values);
    kernels.statsTile(placeWhole(values, first), values.length, out);
    return readStats(values.length, out);
  };

  const histogram: StreamKernels['histogram'] = (values, low, perUnit, counts) => {
    const bins = counts.length;
    if (bins > maxBins || values.length > tileLength) return referenceStreams.histogram(values, low, perUnit, counts);
    kernels.histogramTile(placeWhole(values, first), values.length, low, perUnit, bins, table);
    addCounts(counters, counts);
  };

  /** Up to seven values behind the last are written, so another place is filled than `result` where they are somebody's. */
  const widen = (
    kernel: KernelExports['float16Tile'],
    reference: StreamKernels['float16'],
    patterns: Uint16Array,
    result: Float32Array,
  ): void => {
    const { length } = patterns;
    if (length > tileLength) {
      reference(patterns, result);
      return;
    }
    const from = isInside(patterns) ? patterns.byteOffset : first;
    if (from === first) new Uint16Array(heap.f32.buffer, first, length).set(patterns);
    const isOwn = length % 8 === 0 && isInside(result);
    kernel(from, length, isOwn ? result.byteOffset : second);
    if (!isOwn) result.set(heap.f32.subarray(second / 4, second / 4 + length));
  };

  /** Whether helpers can work on a batch. */
  const isShared = (batch: Float32Array): boolean =>
    isInside(batch) && batch.length > tileLength && batch.length <= batchTiles * tileLength && team?.helpers !== 0;

  return {
    stats,
    histogram,

    statsOf(batch) {
      if (team === undefined || shared === undefined || !isShared(batch)) {
        const parts: StatsSums[] = [];
        forTiles(batch.length, (from, to) => parts.push(stats(batch.subarray(from, to))));
        return () => parts;
      }
      const { length } = batch;
      team.begin('statsTiles', [batch.byteOffset, length, 0, shared], 0, Math.ceil(length / tileLength));
      return () => {
        team.finish();
        const parts: StatsSums[] = [];
        forTiles(length, (from, to) => parts.push(readStats(to - from, shared + (from / tileLength) * recordBytes)));
        return parts;
      };
    },

    histogramOf(batch, low, perUnit, counts) {
      const bins = counts.length;
      if (team === undefined || shared === undefined || bins > maxSharedBins || !isShared(batch)) {
        forTiles(batch.length, (from, to) => histogram(batch.subarray(from, to), low, perUnit, counts));
        return () => {};
      }
      const job = shared + batchTiles * recordBytes;
      new Float64Array(heap.f32.buffer, job, 2).set([low, perUnit]);
      heap.u32.set([bins, sharedStride], job / 4 + 4);
      const tables = job + 64;
      const tiles = Math.ceil(batch.length / tileLength);
      team.begin('histogramTiles', [batch.byteOffset, batch.length, job, tables], 0, tiles);
      return () => {
        team.finish();
        for (let tile = 0; tile < tiles; tile++) addCounts(tables + tile * sharedStride + placesBytes, counts);
      };
    },

    gather(values, low, high) {
      if (values.length > tileLength) return referenceStreams.gather(values, low, high);
      const count = kernels.gatherTile(placeAny(values, first), values.length, low, high, second, out);
      return { below: heap.u32[out / 4], found: heap.f32.slice(second / 4, second / 4 + count) };
    },

    quantize(values, inverse, codes) {
      if (values.length > tileLength) return referenceStreams.quantize(values, inverse, codes);
      const at = placeAny(values, first);
      if (isInside(codes)) kernels.quantizeTile(at, values.length, inverse, codes.byteOffset);
      else {
        kernels.quantizeTile(at, values.length, inverse, second);
        codes.set(heap.i8.subarray(second, second + values.length));
      }
    },

    dequantize(codes, scale, values) {
      if (codes.length > tileLength) return referenceStreams.dequantize(codes, scale, values);
      const { i8, f32 } = heap;
      const from = isInside(codes) ? codes.byteOffset : second;
      if (from === second) i8.set(codes, second);
      if (isInside(values)) kernels.dequantizeTile(from, codes.length, scale, values.byteOffset);
      else {
        kernels.dequantizeTile(from, codes.length, scale, first);
        values.set(f32.subarray(first / 4, first / 4 + codes.length));
      }
    },

    restore(values, channels, restored, eighths) {
      if (values.length > tileLength) return referenceStreams.restore(values, channels, restored, eighths);
      const from = placeAny(values, first);
      const to = isInside(restored) ? restored.byteOffset : second;
      const counted = heap.u32.subarray(counters / 4, counters / 4 + eighthBins);
      counted.set(eighths);
      const { scales, channelLength } = channels;
      forChannels(channels.start, values.length, channelLength, (channel, begin, end) => {
        const scale = scales[channel];
        const inverse = Math.fround(1 / scale);
        kernels.restoreRun(from + 4 * begin, end - begin, inverse, scale, to + 4 * begin, counters);
      });
      eighths.set(counted);
      if (to === second) restored.set(heap.f32.subarray(second / 4, second / 4 + values.length));
    },

    errors(reference, values) {
      const { length } = reference;
      if (length > tileLength) return referenceStreams.errors(reference, values);
      const [a, b] = [placeWhole(reference, first), placeWhole(values, second)];
      const padded = Math.ceil(length / 4) * 4;
      if (padded > length) for (const at of [a, b]) heap.f32.fill(0, at / 4 + length, at / 4 + padded);
      kernels.errorTile(a, b, padded, out);
      const [signal, noise, maxAbs] = new Float64Array(heap.f32.buffer, out, 3);
      return { signal, noise, maxAbs, count: length };
    },

    range(values) {
      if (values.length === 0 || values.length > tileLength) return referenceStreams.range(values);
      const sound = kernels.minMaxArray(placeAny(values, first), values.length, out) !== 0;
      const [min, max] = heap.f32.subarray(out / 4, out / 4 + 2);
      return sound ? { min: min + 0, max: max + 0 } : { min: Number.NaN, max: Number.NaN };
    },

    float16: (patterns, result) => widen(kernels.float16Tile, referenceStreams.float16, patterns, result),
    bfloat16: (patterns, result) => widen(kernels.bfloat16Tile, referenceStreams.bfloat16, patterns, result),

    workspace(length) {
      const block = heap.alloc(length);
      if (block === undefined) return referenceStreams.workspace(length);
      return {
        bytes: () => new Uint8Array(heap.f32.buffer, block, length),
        release() {
          // Helpers may still be at a batch that was given up.
          team?.finish();
          heap.release(block);
        },
      };
    },
  };
}
