import { float16ToNumber, numberToFloat16 } from '../../core/floatFormats';

/** A weight in IEEE half precision. */
export interface HalfWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Patterns, two bytes a value. */
  readonly patterns: Uint16Array;
}

const largestHalf = 65_504;

/**
 * float16_dynamic: every value clamped to ±65504 and rounded to half, ties to even, subnormals
 * kept. Source: PackedLinearWeightFp16 in aten/src/ATen/native/quantized/cpu/qlinear_prepack.cpp.
 */
export function halfWeight(name: string, values: Float32Array, shape: readonly number[]): HalfWeight {
  const patterns = Uint16Array.from(values, (value) =>
    numberToFloat16(value > largestHalf ? largestHalf : value < -largestHalf ? -largestHalf : value),
  );
  return { name, shape, patterns };
}

/** The values that the products see. */
export function widenHalf({ patterns }: HalfWeight): Float32Array {
  return Float32Array.from(patterns, float16ToNumber);
}
