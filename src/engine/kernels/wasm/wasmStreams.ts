import { referenceStreams } from '../reference/referenceStreams';
import { eighthBins, forChannels, type StreamKernels, tileLength } from '../streamKernels';
import type { WasmHeap } from './wasmHeap';
import type { KernelExports } from './webAssembly';

/** More bins are counted by the reference. */
const maxBins = 65_536;

/**
 * Tiles in a workspace are worked on where they are; others are copied into a fixed place, so that
 * nothing here allocates. Undefined when even that does not fit.
 */
export function wasmStreams(kernels: KernelExports, heap: WasmHeap): StreamKernels | undefined {
  const bytes = 4 * tileLength;
  const start = heap.alloc(3 * bytes + 4 * (maxBins + 2) + 64);
  if (start === undefined) return undefined;
  const [first, second, counters] = [start, start + bytes, start + 2 * bytes];
  const out = counters + 4 * (maxBins + 2);

  const isInside = ({ buffer }: ArrayBufferView) => buffer === heap.f32.buffer;

  /** Where a tile begins, its length a multiple of 4: a copy is padded. */
  const place = (values: Float32Array, at: number, padding: number): { at: number; padded: number } => {
    const { length } = values;
    if (length % 4 === 0 && isInside(values)) return { at: values.byteOffset, padded: length };
    const padded = Math.ceil(length / 4) * 4;
    const { f32 } = heap;
    f32.set(values, at / 4);
    if (padded > length) f32.fill(padding, at / 4 + length, at / 4 + padded);
    return { at, padded };
  };

  /** The same for kernels that take any length. */
  const placeAny = (values: Float32Array, at: number): number => {
    if (isInside(values)) return values.byteOffset;
    heap.f32.set(values, at / 4);
    return at;
  };

  return {
    stats(values) {
      if (values.length === 0 || values.length > tileLength) return referenceStreams.stats(values);
      const { at, padded } = place(values, first, Number.NaN);
      kernels.statsTile(at, padded, out);
      const { f32, u32 } = heap;
      const [sum, m2] = new Float64Array(f32.buffer, out, 2);
      const [count, zeros, nans] = u32.subarray(out / 4 + 6, out / 4 + 9);
      const nan = nans - (padded - values.length);
      return {
        count,
        min: f32[out / 4 + 4] + 0,
        max: f32[out / 4 + 5] + 0,
        mean: count === 0 ? 0 : sum / count,
        m2,
        zeros,
        nan,
        inf: values.length - count - nan,
      };
    },

    histogram(values, low, perUnit, counts) {
      const bins = counts.length;
      if (bins > maxBins || values.length > tileLength) return referenceStreams.histogram(values, low, perUnit, counts);
      const table = heap.u32.subarray(counters / 4, counters / 4 + bins + 2).fill(0);
      const { at, padded } = place(values, first, Number.NaN);
      kernels.histogramTile(at, padded, low, perUnit, bins, counters);
      for (let i = 0; i < bins; i++) counts[i] += table[i];
      counts[bins - 1] += table[bins];
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
      const table = heap.u32.subarray(counters / 4, counters / 4 + eighthBins);
      table.set(eighths);
      const { scales, channelLength } = channels;
      forChannels(channels.start, values.length, channelLength, (channel, begin, end) => {
        const scale = scales[channel];
        const inverse = Math.fround(1 / scale);
        kernels.restoreRun(from + 4 * begin, end - begin, inverse, scale, to + 4 * begin, counters);
      });
      eighths.set(table);
      if (to === second) restored.set(heap.f32.subarray(second / 4, second / 4 + values.length));
    },

    errors(reference, values) {
      if (values.length > tileLength) return referenceStreams.errors(reference, values);
      const a = place(reference, first, 0);
      const b = place(values, second, 0);
      kernels.errorTile(a.at, b.at, b.padded, out);
      const [signal, noise, maxAbs] = new Float64Array(heap.f32.buffer, out, 3);
      return { signal, noise, maxAbs, count: reference.length };
    },

    range(values) {
      if (values.length === 0 || values.length > tileLength) return referenceStreams.range(values);
      const sound = kernels.minMaxArray(placeAny(values, first), values.length, out) !== 0;
      const [min, max] = heap.f32.subarray(out / 4, out / 4 + 2);
      return sound ? { min: min + 0, max: max + 0 } : { min: Number.NaN, max: Number.NaN };
    },

    float16(patterns, result) {
      if (patterns.length > tileLength) return referenceStreams.float16(patterns, result);
      new Uint16Array(heap.f32.buffer, first, patterns.length).set(patterns);
      kernels.float16Tile(first, patterns.length, second);
      result.set(heap.f32.subarray(second / 4, second / 4 + patterns.length));
    },

    workspace(length) {
      const block = heap.alloc(length);
      if (block === undefined) return referenceStreams.workspace(length);
      return {
        bytes: () => new Uint8Array(heap.f32.buffer, block, length),
        release: () => heap.release(block),
      };
    },
  };
}
