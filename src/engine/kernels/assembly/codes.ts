// int8 codes of weights as they stream by, and what comes back of them; reference/referenceStreams.ts has the same
// arithmetic.
import { bump, bumpAll, MAGIC, PLACES_BYTES } from './stats';

/** 1.5 · 2^23: a signed float32 integer, added to this, stands in the low bits of the sum; adding it rounds to the nearest, ties to even. */
const ROUND: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16);
const FOUR: usize = memory.data<f32>([4, 4, 4, 4], 16);
const SEVEN: usize = memory.data<f32>([7, 7, 7, 7], 16);
const EIGHT: usize = memory.data<f32>([8, 8, 8, 8], 16);
const LOWEST_CODE: usize = memory.data<f32>([-128, -128, -128, -128], 16);
const HIGHEST_CODE: usize = memory.data<f32>([127, 127, 127, 127], 16);
/** 2^23 + 1024, so that code −128 counts from zero in eighths. */
const EIGHTHS: usize = memory.data<f32>([8389632, 8389632, 8389632, 8389632], 16);
/** Addresses of counters. */
const PLACES: usize = memory.data(1024, 16);

/** `clamp(round(x · inverse), −128, 127)` as i8: weights, ties to even; 0 for NaN. Any count. */
export function quantizeTile(values: usize, count: i32, inverse: f32, codes: usize): void {
  const factor = f32x4.splat(inverse);
  const lowest = v128.load(LOWEST_CODE);
  const highest = v128.load(HIGHEST_CODE);
  const round = v128.load(ROUND);
  const whole = count & ~15;
  for (let i = 0; i < whole; i += 16) {
    const at = values + (<usize>i << 2);
    const a = codes4(v128.load(at), factor, lowest, highest, round);
    const b = codes4(v128.load(at, 16), factor, lowest, highest, round);
    const c = codes4(v128.load(at, 32), factor, lowest, highest, round);
    const d = codes4(v128.load(at, 48), factor, lowest, highest, round);
    v128.store(codes + i, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
  }
  for (let i = whole; i < count; i++) {
    const code = codes4(f32x4.splat(load<f32>(values + (<usize>i << 2))), factor, lowest, highest, round);
    store<i8>(codes + i, <i8>i32x4.extract_lane(code, 0));
  }
}

// @ts-ignore: decorator
@inline
function codes4(x: v128, factor: v128, lowest: v128, highest: v128, round: v128): v128 {
  const scaled = f32x4.mul(x, factor);
  const clamped = f32x4.pmax(f32x4.pmin(scaled, highest), lowest);
  return v128.and(i32x4.sub(f32x4.add(clamped, round), round), f32x4.eq(scaled, scaled));
}

/** `code · scale` in float32. Any count. */
export function dequantizeTile(codes: usize, count: i32, scale: f32, values: usize): void {
  const step = f32x4.splat(scale);
  const whole = count & ~7;
  for (let i = 0; i < whole; i += 8) {
    const words = v128.load8x8_s(codes + i);
    const at = values + (<usize>i << 2);
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), step));
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words)), step), 16);
  }
  for (let i = whole; i < count; i++) store<f32>(values + (<usize>i << 2), <f32>load<i8>(codes + i) * scale);
}

/**
 * What int8 makes of `count` values under one scale: the restored values `code · scale`, and 2048
 * counters (u32) of eighths of a step, eight a code, by where in its code's step a value lies.
 */
export function restoreRun(values: usize, count: i32, inverse: f32, scale: f32, restored: usize, eighths: usize): void {
  const factor = f32x4.splat(inverse);
  const step = f32x4.splat(scale);
  const first = i32x4.splat(<i32>eighths);
  const whole = count & ~3;
  const end = values + (<usize>whole << 2);
  const shift = restored - values;
  for (let block = values; block < end; block += PLACES_BYTES) {
    const stop = min(block + PLACES_BYTES, end);
    let place = PLACES;
    for (let at = block; at < stop; at += 16) {
      const scaled = f32x4.mul(v128.load(at), factor);
      const code = roundedCode(scaled);
      v128.store(at + shift, f32x4.mul(code, step));
      v128.store(place, i32x4.add(i32x4.shl(eighthOf(scaled, code), 2), first));
      place += 16;
    }
    bumpAll(PLACES, place);
  }
  for (let i = whole; i < count; i++) {
    const at = <usize>i << 2;
    const scaled = f32x4.mul(f32x4.splat(load<f32>(values + at)), factor);
    const code = roundedCode(scaled);
    store<f32>(restored + at, f32x4.extract_lane(f32x4.mul(code, step), 0));
    bump(eighths + (i32x4.extract_lane(eighthOf(scaled, code), 0) << 2));
  }
}

/**
 * Codes as float32, without −0, which is no code. The constants come first, so that a NaN becomes 127 and
 * stays inside the table.
 */
// @ts-ignore: decorator
@inline
function roundedCode(scaled: v128): v128 {
  return f32x4.pmax(v128.load(LOWEST_CODE), f32x4.pmin(v128.load(HIGHEST_CODE), f32x4.add(f32x4.nearest(scaled), f32x4.splat(0))));
}

// @ts-ignore: decorator
@inline
function eighthOf(scaled: v128, code: v128): v128 {
  const eight = v128.load(EIGHT);
  const part = f32x4.floor(f32x4.add(f32x4.mul(f32x4.sub(scaled, code), eight), v128.load(FOUR)));
  const within = f32x4.pmax(f32x4.splat(0), f32x4.pmin(v128.load(SEVEN), part));
  return i32x4.sub(f32x4.add(f32x4.add(f32x4.mul(code, eight), within), v128.load(EIGHTHS)), v128.load(MAGIC));
}
