import type { ErrorSums } from '../quantization/errorMetrics';
import type { StatsSums } from '../stats/tensorStats';

/** Elements of a tile; every streaming kernel takes at most so many, and callers go on with the next. */
export const tileLength = 65_536;

/** Tiles that are worked on together, by other threads too. */
export const batchTiles = 8;

/** Counters that `restore` fills: eight for each of 256 codes. */
export const eighthBins = 2048;

/** Kernels over values that stream by, a tile at a time. */
export interface StreamKernels {
  stats(values: Float32Array): StatsSums;
  /** Adds the values to `counts`: bin ⌊(x − low) · perUnit⌋, the upper edge to the last; others are left out. */
  histogram(values: Float32Array, low: number, perUnit: number, counts: Float64Array): void;
  /**
   * `stats` of every tile of up to `batchTiles` tiles. Helpers may be at it when this returns: the values stay as
   * they are until the answer was asked for, and one batch is under way at a time. In a workspace, up to three values
   * behind the last are written over.
   */
  statsOf(batch: Float32Array): () => StatsSums[];
  /** The same for `histogram`. */
  histogramOf(batch: Float32Array, low: number, perUnit: number, counts: Float64Array): () => void;
  /** The values in [low, high], in order, and how many are less. */
  gather(values: Float32Array, low: number, high: number): { readonly below: number; readonly found: Float32Array };
  /** int8 codes of weights: `clamp(round(x · inverse), −128, 127)`, ties to even. */
  quantize(values: Float32Array, inverse: number, codes: Int8Array): void;
  /** `code · scale` in float32. */
  dequantize(codes: Int8Array, scale: number, values: Float32Array): void;
  /**
   * What int8 makes of the values of a tile: the restored values, and their places in `eighths`, `eighthBins`
   * counters of an eighth of a step each, from code −128.5 to 127.5; what lies beyond sits in the outermost.
   * A value counts for the code that it is rounded to, so eight counters are a code's.
   */
  restore(values: Float32Array, channels: TileChannels, restored: Float32Array, eighths: Uint32Array): void;
  errors(reference: Float32Array, values: Float32Array): ErrorSums;
  /** NaN in both when there is one; an inverted range for no values. */
  range(values: Float32Array): { readonly min: number; readonly max: number };
  /** IEEE binary16 patterns to float32. */
  float16(patterns: Uint16Array, out: Float32Array): void;
  /** bfloat16 patterns to float32. */
  bfloat16(patterns: Uint16Array, out: Float32Array): void;
  /** Memory that the kernels read and write without copying; whoever asks for it gives it back. */
  workspace(bytes: number): Workspace;
}

export interface Workspace {
  /** The memory as it is now: asked for anew after every wait, since the kernels' memory may have moved. */
  bytes(): Uint8Array;
  release(): void;
}

/** How a tile that begins at element `start` divides into channels of `channelLength` values with one scale each. */
export interface TileChannels {
  readonly start: number;
  readonly channelLength: number;
  readonly scales: ArrayLike<number>;
}

type EachPiece = (channel: number, from: number, to: number) => void;

/** The pieces [from, to) of a tile that begins at element `start` of the weight, each within one channel. */
export function forChannels(start: number, length: number, channelLength: number, each: EachPiece): void {
  for (let from = 0; from < length; ) {
    const channel = Math.floor((start + from) / channelLength);
    const to = Math.min((channel + 1) * channelLength - start, length);
    each(channel, from, to);
    from = to;
  }
}

/** Calls `each` with [start, end) of one tile after the other. */
export function forTiles(length: number, each: (start: number, end: number) => void): void {
  for (let start = 0; start < length; start += tileLength) each(start, Math.min(start + tileLength, length));
}
