import { selectKernels } from '../kernels/dispatch';
import { forTiles } from '../kernels/streamKernels';
import { minMaxObserver, perChannelMinMaxObserver } from './observers';

export type Scheme = 'per_tensor' | 'per_channel';

/** An int8 matrix [rows, columns] with one scale, or one a row. */
export interface QuantizedWeight {
  readonly scheme: Scheme;
  /** The channel axis; null for per tensor. */
  readonly axis: 0 | null;
  readonly rows: number;
  readonly columns: number;
  /** int_repr(): row-major codes. */
  readonly codes: Int8Array;
  /** float32 values, one or `rows` of them. */
  readonly scales: Float64Array;
  /** All zero: the scheme is symmetric. */
  readonly zeroPoints: Int32Array;
}

/** Observes, chooses the scales and quantizes a float32 weight [rows, columns]. */
export function quantizeWeight(weight: Float32Array, rows: number, columns: number, scheme: Scheme): QuantizedWeight {
  const scales =
    scheme === 'per_tensor' ? Float64Array.of(minMaxObserver(weight)) : perChannelMinMaxObserver(weight, rows);
  const codes = new Int8Array(weight.length);
  if (scheme === 'per_tensor') quantizeValues(weight, scales[0], codes, 0, weight.length);
  else
    for (let row = 0; row < rows; row++) quantizeValues(weight, scales[row], codes, row * columns, (row + 1) * columns);
  const axis = scheme === 'per_tensor' ? null : 0;
  return { scheme, axis, rows, columns, codes, scales, zeroPoints: new Int32Array(scales.length) };
}

/**
 * `code = clamp(round(value · (1/scale)), −128, 127)`: the inverse and the product are rounded to
 * float32, ties go to even. Source: quantize_val in aten/src/ATen/native/quantized/AffineQuantizerBase.cpp.
 */
export function quantizeValues(
  values: Float32Array,
  scale: number,
  codes: Int8Array,
  start: number,
  end: number,
): void {
  const { streams } = selectKernels();
  const inverse = Math.fround(1 / scale);
  forTiles(end - start, (from, to) => {
    streams.quantize(values.subarray(start + from, start + to), inverse, codes.subarray(start + from, start + to));
  });
}

/** `value = code · scale` in float32. */
export function dequantizeWeight({ codes, scales, columns, scheme }: QuantizedWeight): Float32Array {
  const values = new Float32Array(codes.length);
  const channelLength = scheme === 'per_tensor' ? codes.length : columns;
  for (let channel = 0; channel < scales.length; channel++) {
    const scale = scales[channel];
    const end = (channel + 1) * channelLength;
    for (let i = channel * channelLength; i < end; i++) values[i] = codes[i] * scale;
  }
  return values;
}
