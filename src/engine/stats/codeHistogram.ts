import type { QuantizedWeight } from '../quantization/quantizeWeight';

/** A float weight and its int8 codes on one axis, that of the codes. */
export interface CodeHistogram {
  /** 2048 bins of an eighth of a step, from code −128.5 to 127.5; what lies beyond sits in the outermost. */
  readonly floatEighths: Float64Array;
  /** 256 counts, for codes −128 to 127. */
  readonly codes: Float64Array;
}

const eighths = 8;
const bins = 256 * eighths;

/** Every value is divided by the scale of its own row, so per-channel weights share the axis too. */
export function codeHistogram(
  values: Float32Array,
  { codes, scales, columns, scheme }: QuantizedWeight,
): CodeHistogram {
  const floatEighths = new Float64Array(bins);
  const counts = new Float64Array(256);
  for (let i = 0; i < values.length; i++) {
    const scale = scales[scheme === 'per_tensor' ? 0 : Math.floor(i / columns)];
    const bin = Math.floor((values[i] / scale + 128.5) * eighths);
    if (!Number.isNaN(bin)) floatEighths[Math.min(Math.max(bin, 0), bins - 1)]++;
    counts[codes[i] + 128]++;
  }
  return { floatEighths, codes: counts };
}
