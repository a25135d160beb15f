import { selectKernels } from '../kernels/dispatch';
import { forChannels } from '../kernels/streamKernels';
import { observeRange, type Range } from './observers';
import { symmetricScale } from './qparams';
import { quantizeValues } from './quantizeWeight';

/**
 * The int8 form of a weight too large to hold: its values come in tiles, in row-major order, once to
 * be observed and once to be quantized. A channel is a run of `channelLength` values with one scale:
 * a row, or the whole weight per tensor. Every number is that of quantizeWeight.
 */

/** The range of every channel, tile after tile. */
export class TileObserver {
  private readonly ranges: Range[] = [];

  constructor(private readonly channelLength: number) {}

  add(tile: Float32Array, start: number): void {
    forChannels(start, tile.length, this.channelLength, (channel, from, to) => {
      const part = observeRange(tile.subarray(from, to));
      const before = this.ranges[channel] ?? part;
      // Math.min and Math.max keep a NaN.
      this.ranges[channel] = { min: Math.min(before.min, part.min), max: Math.max(before.max, part.max) };
    });
  }

  /** Whether no channel has a NaN or an infinity: what cannot be quantized. */
  get isFinite(): boolean {
    return this.ranges.every(({ min, max }) => Number.isFinite(min) && Number.isFinite(max));
  }

  scales(): Float64Array {
    return Float64Array.from(this.ranges, ({ min, max }) => symmetricScale(min, max));
  }
}

export function quantizeTile(
  tile: Float32Array,
  start: number,
  scales: ArrayLike<number>,
  channelLength: number,
  codes: Int8Array,
): void {
  forChannels(start, tile.length, channelLength, (channel, from, to) =>
    quantizeValues(tile, scales[channel], codes, from, to),
  );
}

export function dequantizeTile(
  codes: Int8Array,
  start: number,
  scales: ArrayLike<number>,
  channelLength: number,
  values: Float32Array,
): Float32Array {
  const { streams } = selectKernels();
  forChannels(start, codes.length, channelLength, (channel, from, to) =>
    streams.dequantize(codes.subarray(from, to), scales[channel], values.subarray(from, to)),
  );
  return values;
}
