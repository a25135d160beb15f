import { referenceStreams } from '../reference/referenceStreams';
import { type StreamKernels, tileLength } from '../streamKernels';
import type { WasmHeap } from './wasmHeap';
import type { KernelExports } from './webAssembly';

/** More bins are counted by the reference. */
const maxBins = 65_536;

/** Tiles are copied into a fixed place, so nothing here allocates. Undefined when even that does not fit. */
export function wasmStreams(kernels: KernelExports, heap: WasmHeap): StreamKernels | undefined {
  const bytes = 4 * tileLength;
  const start = heap.alloc(3 * bytes + 4 * (maxBins + 2) + 64);
  if (start === undefined) return undefined;
  const [first, second, counters] = [start, start + bytes, start + 2 * bytes];
  const out = counters + 4 * (maxBins + 2);

  /** Copies a tile, padded to a multiple of 4; returns its padded length. */
  const put = (values: Float32Array, at: number, padding: number): number => {
    const padded = Math.ceil(values.length / 4) * 4;
    const { f32 } = heap;
    f32.set(values, at / 4);
    if (padded > values.length) f32.fill(padding, at / 4 + values.length, at / 4 + padded);
    return padded;
  };

  return {
    stats(values) {
      if (values.length === 0 || values.length > tileLength) return referenceStreams.stats(values);
      const padded = put(values, first, Number.NaN);
      kernels.statsTile(first, padded, out);
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
      kernels.histogramTile(first, put(values, first, Number.NaN), low, perUnit, bins, counters);
      for (let i = 0; i < bins; i++) counts[i] += table[i];
      counts[bins - 1] += table[bins];
    },

    quantize(values, inverse, codes) {
      if (values.length > tileLength) return referenceStreams.quantize(values, inverse, codes);
      kernels.quantizeTile(first, put(values, first, 0), inverse, second);
      codes.set(heap.i8.subarray(second, second + values.length));
    },

    errors(reference, values) {
      if (values.length > tileLength) return referenceStreams.errors(reference, values);
      put(reference, first, 0);
      kernels.errorTile(first, second, put(values, second, 0), out);
      const [signal, noise, maxAbs] = new Float64Array(heap.f32.buffer, out, 3);
      return { signal, noise, maxAbs, count: reference.length };
    },

    range(values) {
      if (values.length === 0 || values.length > tileLength) return referenceStreams.range(values);
      heap.f32.set(values, first / 4);
      const sound = kernels.minMaxArray(first, values.length, out) !== 0;
      const [min, max] = heap.f32.subarray(out / 4, out / 4 + 2);
      return sound ? { min: min + 0, max: max + 0 } : { min: Number.NaN, max: Number.NaN };
    },

    float16(patterns, result) {
      if (patterns.length > tileLength) return referenceStreams.float16(patterns, result);
      new Uint16Array(heap.f32.buffer, first, patterns.length).set(patterns);
      kernels.float16Tile(first, patterns.length, second);
      result.set(heap.f32.subarray(second / 4, second / 4 + patterns.length));
    },
  };
}
