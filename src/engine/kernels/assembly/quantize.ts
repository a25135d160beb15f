// An activation row to codes 0…255, in the rounding of each engine (quantization/engines.ts):
// as signed bytes with a middle taken off, padded with 0, or as i16 with the zero point taken off, padded with 0.
import { INT_LIMIT } from './constants';
import { FBGEMM, ONEDNN } from './descriptor';
import { fma4 } from './fma';

/** Codes of four values before the clamp, as float32 integers. */
// @ts-ignore: decorator
@inline
function codes4(x: v128, kind: i32, inverse: v128, zero: v128): v128 {
  // Subnormal codes, which fma4 may round wrongly, round to 0 in any case.
  if (kind == FBGEMM) return f32x4.nearest(f32x4.pmin(fma4(x, inverse, zero), v128.load(INT_LIMIT)));
  if (kind == ONEDNN) return f32x4.nearest(f32x4.add(f32x4.mul(x, inverse), zero));
  return f32x4.add(f32x4.nearest(f32x4.mul(x, inverse)), zero);
}

// @ts-ignore: decorator
@inline
function inverseOf(kind: i32, scale: f64): f32 {
  return kind == ONEDNN ? <f32>(1 / scale) : <f32>(1 / <f64>(<f32>scale));
}

/** Whole numbers to i32. Codes before the clamp are a few steps outside of 0…255 at most, where all conversions agree. */
// @ts-ignore: decorator
@inline
function integers(codes: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i32x4.relaxed_trunc_f32x4_s(codes) : i32x4.trunc_sat_f32x4_s(codes);
}

/**
 * `count` values to signed bytes `code − shift`; `padded` bytes are written, `padded` a multiple of 4, those
 * past the end 0. Returns their sum.
 */
export function quantizeBytes(x: usize, count: i32, padded: i32, kind: i32, scale: f64, zeroPoint: i32, shift: i32, out: usize): i32 {
  const inverse = f32x4.splat(inverseOf(kind, scale));
  const zero = f32x4.splat(<f32>zeroPoint);
  const middle = i16x8.splat(<i16>shift);
  let sums = i32x4.splat(0);
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) {
    const code = integers(codes4(v128.load(x + (<usize>i << 2)), kind, inverse, zero));
    const words = i16x8.sub(i16x8.max_s(i16x8.narrow_i32x4_s(code, code), i16x8.splat(0)), middle);
    sums = i32x4.add(sums, i32x4.extend_low_i16x8_s(words));
    v128.store32_lane(out + i, i8x16.narrow_i16x8_s(words, words), 0);
  }
  const sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  if (whole == padded) return sum;
  for (let i = whole; i < padded; i += 4) store<i32>(out + i, 0);
  let rest = 0;
  const tail = integers(codes4(loadTail(x + (<usize>whole << 2), count - whole), kind, inverse, zero));
  const words = i16x8.sub(i16x8.max_s(i16x8.narrow_i32x4_s(tail, tail), i16x8.splat(0)), middle);
  const bytes = i32x4.extract_lane(i8x16.narrow_i16x8_s(words, words), 0);
  for (let i = 0; i < count - whole; i++) {
    const byte = <i8>(bytes >> (i << 3));
    store<i8>(out + whole + i, byte);
    rest += <i32>byte;
  }
  return sum + rest;
}

/** The same as i16 `code − zeroPoint`. */
export function quantizeWords(x: usize, count: i32, padded: i32, kind: i32, scale: f64, zeroPoint: i32, out: usize): void {
  const inverse = f32x4.splat(inverseOf(kind, scale));
  const zero = f32x4.splat(<f32>zeroPoint);
  const shift = i16x8.splat(<i16>zeroPoint);
  const lowest = i16x8.splat(0);
  const highest = i16x8.splat(255);
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) {
    const code = integers(codes4(v128.load(x + (<usize>i << 2)), kind, inverse, zero));
    const words = i16x8.min_s(i16x8.max_s(i16x8.narrow_i32x4_s(code, code), lowest), highest);
    v128.store64_lane(out + (<usize>i << 1), i16x8.sub(words, shift), 0);
  }
  if (whole == padded) return;
  const code = integers(codes4(loadTail(x + (<usize>whole << 2), count - whole), kind, inverse, zero));
  const words = i16x8.sub(i16x8.min_s(i16x8.max_s(i16x8.narrow_i32x4_s(code, code), lowest), highest), shift);
  const rest = count - whole;
  store<i16>(out + (<usize>whole << 1), i16x8.extract_lane_s(words, 0));
  store<i16>(out + (<usize>whole << 1), rest > 1 ? i16x8.extract_lane_s(words, 1) : 0, 2);
  store<i16>(out + (<usize>whole << 1), rest > 2 ? i16x8.extract_lane_s(words, 2) : 0, 4);
  store<i16>(out + (<usize>whole << 1), 0, 6);
}

/** Up to three values; nothing past them is read, zeros stand there. */
function loadTail(x: usize, rest: i32): v128 {
  let out = f32x4.splat(0);
  if (rest > 0) out = f32x4.replace_lane(out, 0, load<f32>(x));
  if (rest > 1) out = f32x4.replace_lane(out, 1, load<f32>(x, 4));
  if (rest > 2) out = f32x4.replace_lane(out, 2, load<f32>(x, 8));
  return out;
}
