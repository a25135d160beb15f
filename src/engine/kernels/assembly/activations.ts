// σ and tanh for float32, the same arithmetic as reference/portableActivations.ts, which explains it.
import { demote, promoteHigh } from './fma';

/** e^r − 1 for |r| ≤ ln 2 / 2 is r + r²·Q(r); see the reference. */
const LOG2_E: f64 = 1.4426950408889634;
const LN_2: f64 = 0.6931471805599453;
const MAGIC: f64 = 6755399441055744;
const C0: f64 = 0.49999999999954925;
const C1: f64 = 0.1666666666666257;
const C2: f64 = 0.041666666786625194;
const C3: f64 = 0.008333333344235647;
const C4: f64 = 0.0013888839010858958;
const C5: f64 = 0.0001984122450904205;
const C6: f64 = 2.486793656219774e-5;
const C7: f64 = 2.7617625110379297e-6;

// @ts-ignore: decorator
@inline
function q(r: v128): v128 {
  let p = f64x2.add(f64x2.mul(r, f64x2.splat(C7)), f64x2.splat(C6));
  p = f64x2.add(f64x2.mul(r, p), f64x2.splat(C5));
  p = f64x2.add(f64x2.mul(r, p), f64x2.splat(C4));
  p = f64x2.add(f64x2.mul(r, p), f64x2.splat(C3));
  p = f64x2.add(f64x2.mul(r, p), f64x2.splat(C2));
  p = f64x2.add(f64x2.mul(r, p), f64x2.splat(C1));
  p = f64x2.add(f64x2.mul(r, p), f64x2.splat(C0));
  return f64x2.add(r, f64x2.mul(f64x2.mul(r, r), p));
}

/** e^x of two doubles within ±128. */
// @ts-ignore: decorator
@inline
function exp2(x: v128): v128 {
  const t = f64x2.add(f64x2.mul(x, f64x2.splat(LOG2_E)), f64x2.splat(MAGIC));
  const r = f64x2.sub(x, f64x2.mul(f64x2.sub(t, f64x2.splat(MAGIC)), f64x2.splat(LN_2)));
  return i64x2.add(f64x2.add(f64x2.splat(1), q(r)), i64x2.shl(t, 52));
}

/** tanh(x) of two doubles; y = 2x within ±40. */
// @ts-ignore: decorator
@inline
function tanh2(y: v128): v128 {
  const t = f64x2.add(f64x2.mul(y, f64x2.splat(LOG2_E)), f64x2.splat(MAGIC));
  const r = f64x2.sub(y, f64x2.mul(f64x2.sub(t, f64x2.splat(MAGIC)), f64x2.splat(LN_2)));
  const one = f64x2.splat(1);
  const s = i64x2.add(one, i64x2.shl(t, 52));
  const d = f64x2.add(f64x2.mul(s, q(r)), f64x2.sub(s, one));
  return f64x2.div(d, f64x2.add(d, f64x2.splat(2)));
}

// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const y = f32x4.pmax(f32x4.pmin(f32x4.neg(x), f32x4.splat(128)), f32x4.splat(-128));
  const e = demote(exp2(f64x2.promote_low_f32x4(y)), exp2(promoteHigh(y)));
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, e));
}

// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const y = f32x4.pmax(f32x4.pmin(f32x4.add(x, x), f32x4.splat(40)), f32x4.splat(-40));
  const value = demote(tanh2(f64x2.promote_low_f32x4(y)), tanh2(promoteHigh(y)));
  // The sums lose the sign of zero.
  return v128.or(value, v128.and(x, i32x4.splat(0x80000000)));
}

/** For the host: `count`, rounded up to 4, values in place. */
export function sigmoidArray(values: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) v128.store(values + (<usize>i << 2), sigmoid4(v128.load(values + (<usize>i << 2))));
}

export function tanhArray(values: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) v128.store(values + (<usize>i << 2), tanh4(v128.load(values + (<usize>i << 2))));
}
