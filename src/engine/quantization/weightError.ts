import { percentiles } from '../stats/percentiles';
import { type ErrorSums, errorMetrics, errorSums } from './errorMetrics';
import { dequantizeWeight, type QuantizedWeight } from './quantizeWeight';

/** How far a quantized weight is from the float one, as a whole and row by row. */
export interface WeightError {
  readonly sqnrDb: number;
  readonly rmse: number;
  /** rmse over the mean magnitude of the float weight; 0 for a weight of zeros. */
  readonly relativeRmse: number;
  readonly maxAbsError: number;
  /** 95 of 100 errors are at most this. */
  readonly p95AbsError: number;
  readonly cosine: number;
  /** One entry a row: an output channel. */
  readonly channels: {
    readonly sqnrDb: readonly number[];
    readonly rmse: readonly number[];
    readonly maxAbsError: readonly number[];
    /** Largest magnitude of the row: with one scale for all rows, the largest of these decides it. */
    readonly amplitude: readonly number[];
  };
}

export function weightError(float: Float32Array, quantized: QuantizedWeight): WeightError {
  const restored = dequantizeWeight(quantized);
  const { rows, columns } = quantized;
  const whole = errorSums(float, restored);
  const errors = float.map((value, i) => Math.abs(value - restored[i]));
  const row = <T>(measure: (start: number, end: number) => T) =>
    Array.from({ length: rows }, (_, r) => measure(r * columns, (r + 1) * columns));
  const perRow = row((start, end) =>
    errorMetrics(errorSums(float.subarray(start, end), restored.subarray(start, end))),
  );
  const meanMagnitude = sumOf(float, Math.abs) / Math.max(float.length, 1);
  const metrics = errorMetrics(whole);
  return {
    ...metrics,
    relativeRmse: meanMagnitude === 0 ? 0 : metrics.rmse / meanMagnitude,
    p95AbsError: float.length === 0 ? 0 : percentiles(errors, [0.95])[0],
    cosine: cosine(float, restored, whole),
    channels: {
      sqnrDb: perRow.map(({ sqnrDb }) => sqnrDb),
      rmse: perRow.map(({ rmse }) => rmse),
      maxAbsError: perRow.map(({ maxAbsError }) => maxAbsError),
      amplitude: row((start, end) => amplitude(float, start, end)),
    },
  };
}

/** A row that is hard on the others: its largest weight is far from the median row's. */
export interface OutlierChannel {
  readonly channel: number;
  readonly amplitude: number;
  /** Amplitude over the median row's amplitude. */
  readonly ratio: number;
  /** With the scheme that was measured. */
  readonly sqnrDb: number;
  /** With a scale of its own. */
  readonly perChannelSqnrDb: number;
}

/** The `limit` rows whose amplitude is the most times the median, largest first. */
export function outlierChannels({ channels }: WeightError, perChannel: WeightError, limit: number): OutlierChannel[] {
  const [median] = percentiles(Float32Array.from(channels.amplitude), [0.5]);
  return channels.amplitude
    .map((amplitude, channel) => ({
      channel,
      amplitude,
      ratio: median === 0 ? (amplitude === 0 ? 1 : Number.POSITIVE_INFINITY) : amplitude / median,
      sqnrDb: channels.sqnrDb[channel],
      perChannelSqnrDb: perChannel.channels.sqnrDb[channel],
    }))
    .sort((a, b) => b.ratio - a.ratio || a.channel - b.channel)
    .slice(0, limit);
}

function amplitude(values: Float32Array, start: number, end: number): number {
  let largest = 0;
  for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

function cosine(float: Float32Array, restored: Float32Array, { signal }: ErrorSums): number {
  const squares = sumOf(restored, (value) => value * value);
  let dot = 0;
  for (let i = 0; i < float.length; i++) dot += float[i] * restored[i];
  return signal === 0 || squares === 0 ? 1 : dot / Math.sqrt(signal * squares);
}

function sumOf(values: Float32Array, of: (value: number) => number): number {
  let sum = 0;
  for (const value of values) sum += of(value);
  return sum;
}
