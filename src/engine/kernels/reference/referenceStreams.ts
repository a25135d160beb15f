import { bfloat16ToNumber, float16ToNumber } from '../../../core/floatFormats';
import { roundHalfEven } from '../../../core/fma';
import type { StatsSums } from '../../stats/tensorStats';
import { forChannels, forTiles, type StreamKernels } from '../streamKernels';
import { total } from './softmaxRow';

/** Less of the sum of squares left after the mean's part was taken away costs three digits of it. */
const leastShare = 1e-3;

/**
 * Sums of deviations from the first value. Undefined where they do not do: a NaN or ±Inf is among the values, or the
 * first one lies too far from the others.
 */
function plainStats(values: Float32Array): StatsSums | undefined {
  const count = values.length;
  const [first] = values;
  const [sums, squares] = [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ];
  let [min, max, zeros] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < count; i++) {
    const deviation = values[i] - first;
    sums[i % 4] += deviation;
    squares[i % 4] += deviation * deviation;
    if (values[i] < min) min = values[i];
    if (values[i] > max) max = values[i];
    if (values[i] === 0) zeros++;
  }
  const sum = total(sums);
  const shift = sum / count;
  const m2 = total(squares) - sum * shift;
  if (count === 0 || !Number.isFinite(sum) || m2 < total(squares) * leastShare) return undefined;
  return { count, min: min + 0, max: max + 0, mean: first + shift, m2, zeros, nan: 0, inf: 0 };
}

function twoPassStats(values: Float32Array): StatsSums {
  const lanes = [0, 0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [count, zeros, nan] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) nan++;
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeros++;
    lanes[i % 4] += value;
    count++;
  }
  const mean = count === 0 ? 0 : total(lanes) / count;
  const squares = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const deviation = values[i] - mean;
    if (Number.isFinite(deviation)) squares[i % 4] += deviation * deviation;
  }
  return {
    count,
    min: min + 0,
    max: max + 0,
    mean,
    m2: total(squares),
    zeros,
    nan,
    inf: values.length - count - nan,
  };
}

/**
 * The streaming kernels as plainly as their order of additions allows: double sums in four lanes by
 * i modulo 4, added as (0 + 2) + (1 + 3).
 */
export const referenceStreams: StreamKernels = {
  stats: (values) => plainStats(values) ?? twoPassStats(values),

  histogram(values, low, perUnit, counts) {
    const bins = counts.length;
    for (let i = 0; i < values.length; i++) {
      const bin = Math.floor((values[i] - low) * perUnit);
      if (bin >= 0 && bin < bins) counts[bin]++;
      // The upper edge belongs to the last bin.
      else if (bin === bins) counts[bins - 1]++;
    }
  },

  statsOf(batch) {
    const parts: StatsSums[] = [];
    forTiles(batch.length, (start, end) => parts.push(referenceStreams.stats(batch.subarray(start, end))));
    return () => parts;
  },

  histogramOf(batch, low, perUnit, counts) {
    referenceStreams.histogram(batch, low, perUnit, counts);
    return () => {};
  },

  gather(values, low, high) {
    return {
      below: values.reduce((count, value) => count + (value < low ? 1 : 0), 0),
      found: values.filter((value) => value >= low && value <= high),
    };
  },

  quantize(values, inverse, codes) {
    for (let i = 0; i < values.length; i++) {
      const rounded = roundHalfEven(Math.fround(values[i] * inverse));
      codes[i] = rounded < -128 ? -128 : rounded > 127 ? 127 : rounded;
    }
  },

  dequantize(codes, scale, values) {
    for (let i = 0; i < codes.length; i++) values[i] = codes[i] * scale;
  },

  restore(values, { start, channelLength, scales }, restored, eighths) {
    forChannels(start, values.length, channelLength, (channel, from, to) => {
      const scale = scales[channel];
      const inverse = Math.fround(1 / scale);
      for (let i = from; i < to; i++) {
        const scaled = Math.fround(values[i] * inverse);
        const rounded = roundHalfEven(scaled);
        // A NaN fails both comparisons and stays inside the table.
        const code = Math.max(-128, rounded < 127 ? rounded : 127) + 0;
        const part = Math.floor(Math.fround(Math.fround(scaled - code) * 8) + 4);
        restored[i] = code * scale;
        eighths[(code + 128) * 8 + Math.max(0, part < 7 ? part : 7)]++;
      }
    });
  },

  errors(reference, values) {
    const signal = [0, 0, 0, 0];
    const noise = [0, 0, 0, 0];
    let maxAbs = 0;
    for (let i = 0; i < reference.length; i++) {
      const error = reference[i] - values[i];
      signal[i % 4] += reference[i] * reference[i];
      noise[i % 4] += error * error;
      maxAbs = Math.max(maxAbs, Math.abs(error));
    }
    return { signal: total(signal), noise: total(noise), maxAbs, count: reference.length };
  },

  range(values) {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (const value of values) {
      if (value < min) min = value;
      if (value > max) max = value;
      if (Number.isNaN(value)) return { min: Number.NaN, max: Number.NaN };
    }
    // Which zero comes first is nobody's business: −0 + 0 is 0.
    return { min: min + 0, max: max + 0 };
  },

  float16(patterns, out) {
    for (let i = 0; i < patterns.length; i++) out[i] = float16ToNumber(patterns[i]);
  },

  bfloat16(patterns, out) {
    for (let i = 0; i < patterns.length; i++) out[i] = bfloat16ToNumber(patterns[i]);
  },

  workspace(length) {
    const bytes = new Uint8Array(length);
    return { bytes: () => bytes, release() {} };
  },
};
