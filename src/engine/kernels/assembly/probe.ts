// What the machine makes of relaxed instructions, beside exact arithmetic: counts of wrong results. The host uses
// a build only where all of its counts are 0 (wasm/selfTest.ts).
import { fma32 } from './fma';

/**
 * The pairwise dot product, over pairs of a weight of 0…255 and an activation of −64…64: it has to take the
 * weight's byte as unsigned, as x86 does.
 */
export function wrongPairs(): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 1;
  let wrong = 0;
  for (let w = 0; w < 256; w++) {
    for (let x = -64; x <= 64; x++) {
      const sums = i16x8.relaxed_dot_i8x16_i7x16_s(i8x16.splat(<i8>x), i8x16.splat(<i8>w));
      if (!i16x8.all_true(i16x8.eq(sums, i16x8.splat(<i16>(2 * w * x))))) wrong++;
    }
  }
  return wrong;
}

/**
 * The dot product of four, over activations of −most … most and all weights, unsigned or signed. With unsigned
 * ones right is only a machine that has it as one instruction: the sum of two products does not fit into the
 * 16 bits that others pass it through.
 */
export function wrongFours(unsigned: bool, most: i32): i32 {
  if (!DOT4) return 1;
  let wrong = 0;
  const lowest = unsigned ? 0 : -128;
  for (let w = lowest; w < lowest + 256; w++) {
    for (let x = -most; x <= min(most, 127); x++) {
      const sums = i32x4.relaxed_dot_i8x16_i7x16_add_s(i8x16.splat(<i8>x), i8x16.splat(<i8>w), i32x4.splat(x - w));
      if (!i32x4.all_true(i32x4.eq(sums, i32x4.splat(4 * w * x + x - w)))) wrong++;
    }
  }
  return wrong;
}

/** The multiply-add, which has to round once: sums that cancel all but what a rounded product loses. */
export function wrongFused(): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 1;
  let wrong = 0;
  let bits: u32 = 1;
  for (let i = 0; i < 8192; i++) {
    bits = bits * 1664525 + 1013904223;
    const a = reinterpret<f32>(0x3f800000 | (bits >> 9));
    bits = bits * 1664525 + 1013904223;
    const b = reinterpret<f32>(0x3f800000 | (bits >> 9));
    const c = (i & 1) == 0 ? -(a * b) : a - b;
    const sums = f32x4.relaxed_madd(f32x4.splat(a), f32x4.splat(b), f32x4.splat(c));
    if (!i32x4.all_true(i32x4.eq(sums, f32x4.splat(fma32(a, b, c))))) wrong++;
  }
  return wrong;
}
