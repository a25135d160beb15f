// σ and tanh for float32, the same arithmetic as reference/portableActivations.ts, which explains it.
import { demote, promoteHigh } from './fma';

/** Pairs of doubles: log2 e, the magic number, ln 2, then Q's coefficients from the constant up, 1 and 2, ∓700, infinity. */
const TABLE: usize = memory.data<f64>(
  [
    1.4426950408889634, 1.4426950408889634, 6755399441055744, 6755399441055744, 0.6931471805599453, 0.6931471805599453,
    0.49999999999954925, 0.49999999999954925, 0.1666666666666257, 0.1666666666666257, 0.041666666786625194,
    0.041666666786625194, 0.008333333344235647, 0.008333333344235647, 0.0013888839010858958, 0.0013888839010858958,
    0.0001984122450904205, 0.0001984122450904205, 2.486793656219774e-5, 2.486793656219774e-5, 2.7617625110379297e-6,
    2.7617625110379297e-6, 1, 1, 2, 2, -700, -700, 700, 700,
    Infinity, Infinity,
  ],
  16,
);
/** Fours of float32: the limits of σ's and tanh's arguments, 1, and the bit of the sign. */
const LIMITS: usize = memory.data<f32>([128, 128, 128, 128, -128, -128, -128, -128, 40, 40, 40, 40, -40, -40, -40, -40, 1, 1, 1, 1, -0, -0, -0, -0], 16);

// @ts-ignore: decorator
@inline
function constant(index: i32): v128 {
  return v128.load(TABLE + (index << 4));
}

// @ts-ignore: decorator
@inline
function limit(index: i32): v128 {
  return v128.load(LIMITS + (index << 4));
}

/** r + r² · Q(r), the sums of Q in pairs: short chains matter more than few operations. */
// @ts-ignore: decorator
@inline
function q(r: v128): v128 {
  const r2 = f64x2.mul(r, r);
  const p01 = f64x2.add(f64x2.mul(r, constant(4)), constant(3));
  const p23 = f64x2.add(f64x2.mul(r, constant(6)), constant(5));
  const p45 = f64x2.add(f64x2.mul(r, constant(8)), constant(7));
  const p67 = f64x2.add(f64x2.mul(r, constant(10)), constant(9));
  const p03 = f64x2.add(p01, f64x2.mul(r2, p23));
  const p47 = f64x2.add(p45, f64x2.mul(r2, p67));
  return f64x2.add(r, f64x2.mul(r2, f64x2.add(p03, f64x2.mul(f64x2.mul(r2, r2), p47))));
}

/** e^x of two doubles, for results that are normal. */
// @ts-ignore: decorator
@inline
function exp2(x: v128): v128 {
  const magic = constant(1);
  const t = f64x2.add(f64x2.mul(x, constant(0)), magic);
  const r = f64x2.sub(x, f64x2.mul(f64x2.sub(t, magic), constant(2)));
  return i64x2.add(f64x2.add(constant(11), q(r)), i64x2.shl(t, 52));
}

/** tanh(x) of two doubles; y = 2x within ±40. */
// @ts-ignore: decorator
@inline
function tanh2(y: v128): v128 {
  const magic = constant(1);
  const t = f64x2.add(f64x2.mul(y, constant(0)), magic);
  const r = f64x2.sub(y, f64x2.mul(f64x2.sub(t, magic), constant(2)));
  const one = constant(11);
  const s = i64x2.add(one, i64x2.shl(t, 52));
  const d = f64x2.add(f64x2.mul(s, q(r)), f64x2.sub(s, one));
  return f64x2.div(d, f64x2.add(d, constant(12)));
}

/** e^x of two doubles, 0 below −700; for x above 700 see `exponential`. */
// @ts-ignore: decorator
@inline
export function decay(x: v128): v128 {
  return v128.andnot(exp2(x), f64x2.lt(x, constant(13)));
}

/** portableExp of reference/portableFunctions.ts. */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  return v128.bitselect(constant(15), decay(x), f64x2.gt(x, constant(14)));
}

// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const y = f32x4.pmax(f32x4.pmin(f32x4.neg(x), limit(0)), limit(1));
  const e = demote(exp2(f64x2.promote_low_f32x4(y)), exp2(promoteHigh(y)));
  const one = limit(4);
  return f32x4.div(one, f32x4.add(one, e));
}

// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const y = f32x4.pmax(f32x4.pmin(f32x4.add(x, x), limit(2)), limit(3));
  const value = demote(tanh2(f64x2.promote_low_f32x4(y)), tanh2(promoteHigh(y)));
  // The sums lose the sign of zero.
  return v128.or(value, v128.and(x, limit(5)));
}
