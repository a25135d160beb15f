// float32 fused multiply-add out of double arithmetic, as core/fma.ts.
//
// The product of two float32 is exact in double, the sum is not: rounding it to float32 afterwards
// is wrong only where the double lands on the middle between two float32. The vector form looks for
// such lanes by their low mantissa bits and redoes them with a sum rounded to odd. Builds with relaxed
// instructions have the machine's own, on machines whose relaxed multiply-add is a fused one (probe.ts).

import { LOW_29, MIDDLE } from './constants';

/** `a·b + c` with one rounding. */
export function fma32(a: f32, b: f32, c: f32): f32 {
  const product = <f64>a * <f64>b;
  const addend = <f64>c;
  const sum = product + addend;
  const rounded = sum - product;
  const error = product - (sum - rounded) + (addend - rounded);
  if (error == 0 || !isFinite<f64>(sum)) return <f32>sum;
  let bits = reinterpret<u64>(sum);
  if ((bits & 1) == 0) bits = error > 0 == sum > 0 ? bits + 1 : bits - 1;
  return <f32>reinterpret<f64>(bits);
}

/**
 * Four results of `fma32`. Subnormal results, which have their middles elsewhere, are right where a is an
 * integer: a·b + c is then a multiple of 2^−149, as every float32 is, and exact.
 */
// @ts-ignore: decorator
@inline
export function fma4(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  const low = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)), f64x2.promote_low_f32x4(c));
  const high = f64x2.add(f64x2.mul(promoteHigh(a), promoteHigh(b)), promoteHigh(c));
  return v128.any_true(middles(low, high)) ? fma4Slow(a, b, c) : demote(low, high);
}

/** Lanes that lie on the middle of two float32. */
// @ts-ignore: decorator
@inline
function middles(low: v128, high: v128): v128 {
  const mask = v128.load(LOW_29);
  const half = v128.load(MIDDLE);
  return v128.or(i64x2.eq(v128.and(low, mask), half), i64x2.eq(v128.and(high, mask), half));
}

// @ts-ignore: decorator
@inline
export function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1));
}

// @ts-ignore: decorator
@inline
export function demote(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

function fma4Slow(a: v128, b: v128, c: v128): v128 {
  let out = f32x4.splat(fma32(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0), f32x4.extract_lane(c, 0)));
  out = f32x4.replace_lane(out, 1, fma32(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1), f32x4.extract_lane(c, 1)));
  out = f32x4.replace_lane(out, 2, fma32(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2), f32x4.extract_lane(c, 2)));
  return f32x4.replace_lane(out, 3, fma32(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3), f32x4.extract_lane(c, 3)));
}
