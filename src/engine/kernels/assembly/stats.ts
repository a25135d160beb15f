// One pass over values as they stream by. A tile is at most 65 536 float32, its count a multiple of 4
// (the host pads with NaN, or with 0 for errors); sums are double, in four lanes by i modulo 4, which
// are added as (0 + 2) + (1 + 3). reference/referenceStreams.ts has the same order.
import { promoteHigh } from './fma';

const ABS: usize = memory.data<u32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16);
const INFINITE: usize = memory.data<f32>([Infinity, Infinity, Infinity, Infinity], 16);

// @ts-ignore: decorator
@inline
function total(low: v128, high: v128): f64 {
  const pair = f64x2.add(low, high);
  return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
}

// @ts-ignore: decorator
@inline
function totalCount(lanes: v128): i32 {
  return i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1) + i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
}

/**
 * Writes f64 sum and f64 Σ(x − mean)², f32 min and max, i32 finite values, zeros and NaN to `out`.
 * NaN and ±Inf are counted and left out of the rest.
 */
export function statsTile(values: usize, count: i32, out: usize): void {
  const magnitude = v128.load(ABS);
  const infinite = v128.load(INFINITE);
  const end = values + (<usize>count << 2);
  let low = f64x2.splat(0);
  let high = low;
  let min = infinite;
  let max = f32x4.neg(infinite);
  let finite = i32x4.splat(0);
  let zeros = finite;
  let nans = finite;
  for (let at = values; at < end; at += 16) {
    const x = v128.load(at);
    const sound = f32x4.lt(v128.and(x, magnitude), infinite);
    const kept = v128.and(x, sound);
    low = f64x2.add(low, f64x2.promote_low_f32x4(kept));
    high = f64x2.add(high, promoteHigh(kept));
    min = f32x4.pmin(min, v128.bitselect(x, infinite, sound));
    max = f32x4.pmax(max, v128.bitselect(x, f32x4.neg(infinite), sound));
    finite = i32x4.sub(finite, sound);
    zeros = i32x4.sub(zeros, f32x4.eq(x, f32x4.splat(0)));
    nans = i32x4.sub(nans, f32x4.ne(x, x));
  }
  const counted = totalCount(finite);
  const sum = total(low, high);
  const mean = f64x2.splat(counted == 0 ? 0 : sum / <f64>counted);
  low = f64x2.splat(0);
  high = low;
  for (let at = values; at < end; at += 16) {
    const x = v128.load(at);
    const sound = f32x4.lt(v128.and(x, magnitude), infinite);
    const a = v128.and(f64x2.sub(f64x2.promote_low_f32x4(x), mean), v128.shuffle<i32>(sound, sound, 0, 0, 1, 1));
    const b = v128.and(f64x2.sub(promoteHigh(x), mean), v128.shuffle<i32>(sound, sound, 2, 2, 3, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  store<f64>(out, sum);
  store<f64>(out, total(low, high), 8);
  store<f32>(out, least(min), 16);
  store<f32>(out, greatest(max), 20);
  store<i32>(out, counted, 24);
  store<i32>(out, totalCount(zeros), 28);
  store<i32>(out, totalCount(nans), 32);
}

function least(lanes: v128): f32 {
  const half = f32x4.pmin(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1));
  const a = f32x4.extract_lane(half, 0);
  const b = f32x4.extract_lane(half, 1);
  return b < a ? b : a;
}

function greatest(lanes: v128): f32 {
  const half = f32x4.pmax(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1));
  const a = f32x4.extract_lane(half, 0);
  const b = f32x4.extract_lane(half, 1);
  return b > a ? b : a;
}

/**
 * Adds to `bins` + 2 counters (u32): bin ⌊(x − low) · perUnit⌋, where `bins` itself collects the upper
 * edge and `bins` + 1 whatever lies outside or is no number.
 */
export function histogramTile(values: usize, count: i32, low: f64, perUnit: f64, bins: i32, counters: usize): void {
  const infinite = v128.load(INFINITE);
  const start = f64x2.splat(low);
  const factor = f64x2.splat(perUnit);
  const last = i32x4.splat(bins + 1);
  const end = values + (<usize>count << 2);
  for (let at = values; at < end; at += 16) {
    let x = v128.load(at);
    x = v128.bitselect(x, infinite, f32x4.eq(x, x));
    // Rounded down, so that what lies below the first bin is negative and, as unsigned, past the last.
    const a = f64x2.floor(f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(x), start), factor));
    const b = f64x2.floor(f64x2.mul(f64x2.sub(promoteHigh(x), start), factor));
    const index = v128.shuffle<i64>(i32x4.trunc_sat_f64x2_s_zero(a), i32x4.trunc_sat_f64x2_s_zero(b), 0, 2);
    const bin = i32x4.shl(i32x4.min_u(index, last), 2);
    bump(counters + i32x4.extract_lane(bin, 0));
    bump(counters + i32x4.extract_lane(bin, 1));
    bump(counters + i32x4.extract_lane(bin, 2));
    bump(counters + i32x4.extract_lane(bin, 3));
  }
}

// @ts-ignore: decorator
@inline
function bump(counter: usize): void {
  store<u32>(counter, load<u32>(counter) + 1);
}

/** `clamp(round(x · inverse), −128, 127)` as i8: weights, ties to even. */
export function quantizeTile(values: usize, count: i32, inverse: f32, codes: usize): void {
  const factor = f32x4.splat(inverse);
  for (let i = 0; i < count; i += 4) {
    const code = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(values + (<usize>i << 2)), factor)));
    const words = i16x8.narrow_i32x4_s(code, code);
    v128.store32_lane(codes + i, i8x16.narrow_i16x8_s(words, words), 0);
  }
}

/** Writes f64 Σx², f64 Σ(x − y)² and f64 max |x − y| to `out`. */
export function errorTile(reference: usize, values: usize, count: i32, out: usize): void {
  const magnitude = f64x2.splat(reinterpret<f64>(0x7fffffffffffffff));
  let signalLow = f64x2.splat(0);
  let signalHigh = signalLow;
  let noiseLow = signalLow;
  let noiseHigh = signalLow;
  let worst = signalLow;
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const x = v128.load(reference + at);
    const y = v128.load(values + at);
    const a = f64x2.promote_low_f32x4(x);
    const b = promoteHigh(x);
    const c = f64x2.sub(a, f64x2.promote_low_f32x4(y));
    const d = f64x2.sub(b, promoteHigh(y));
    signalLow = f64x2.add(signalLow, f64x2.mul(a, a));
    signalHigh = f64x2.add(signalHigh, f64x2.mul(b, b));
    noiseLow = f64x2.add(noiseLow, f64x2.mul(c, c));
    noiseHigh = f64x2.add(noiseHigh, f64x2.mul(d, d));
    worst = f64x2.max(worst, f64x2.max(v128.and(c, magnitude), v128.and(d, magnitude)));
  }
  store<f64>(out, total(signalLow, signalHigh));
  store<f64>(out, total(noiseLow, noiseHigh), 8);
  store<f64>(out, max(f64x2.extract_lane(worst, 0), f64x2.extract_lane(worst, 1)), 16);
}

/** IEEE binary16 patterns to float32: the exponent is moved by a product with 2^112, which is exact for all of them. */
export function float16Tile(patterns: usize, count: i32, out: usize): void {
  const shift = f32x4.splat(reinterpret<f32>(0x77800000));
  const all = i32x4.splat(0x7fff);
  const special = i32x4.splat(0x7c00);
  const exponent = i32x4.splat(0x7f800000);
  for (let i = 0; i < count; i += 4) {
    const h = i32x4.extend_low_i16x8_u(v128.load64_zero(patterns + (<usize>i << 1)));
    const low = v128.and(h, all);
    const value = f32x4.mul(i32x4.shl(low, 13), shift);
    const big = v128.or(value, v128.and(i32x4.ge_s(low, special), exponent));
    v128.store(out + (<usize>i << 2), v128.or(big, i32x4.shl(v128.andnot(h, all), 16)));
  }
}
