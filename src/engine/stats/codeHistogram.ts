import { forChannels } from '../quantization/weightTiles';

/** Float weights and their int8 codes on one axis, that of the codes. */
export interface CodeHistogram {
  /** 2048 bins of an eighth of a step, from code −128.5 to 127.5; what lies beyond sits in the outermost. */
  readonly floatEighths: Uint32Array;
  /** 256 counts, for codes −128 to 127. */
  readonly codes: Uint32Array;
}

const eighths = 8;
const bins = 256 * eighths;

export function emptyCodeHistogram(): CodeHistogram {
  return { floatEighths: new Uint32Array(bins), codes: new Uint32Array(256) };
}

/**
 * Counts a tile of a weight, which begins at element `start`. Every value is divided by the scale of
 * its own channel, so per-channel weights share the axis too.
 */
export function addToCodes(
  histogram: CodeHistogram,
  values: Float32Array,
  codes: Int8Array,
  start: number,
  scales: ArrayLike<number>,
  channelLength: number,
): void {
  forChannels(start, values.length, channelLength, (channel, from, to) =>
    addRun(histogram, values.subarray(from, to), codes.subarray(from, to), scales[channel]),
  );
}

/** A loop without captured variables, which V8 keeps in registers. */
function addRun({ floatEighths, codes: counts }: CodeHistogram, values: Float32Array, codes: Int8Array, scale: number) {
  for (let i = 0; i < values.length; i++) {
    const place = (values[i] / scale + 128.5) * eighths;
    // A NaN has no bin: it is neither.
    if (place >= bins - 1) floatEighths[bins - 1]++;
    else if (place >= 0) floatEighths[place | 0]++;
    else if (place < 0) floatEighths[0]++;
    counts[codes[i] + 128]++;
  }
}
