// Softmax and layer norm of rows of float32: reference/softmaxRow.ts and referenceLayers.ts. Sums are double,
// in four lanes by i modulo 4, which are added as (0 + 2) + (1 + 3).
import { decay } from './activations';
import { demote, promoteHigh } from './fma';

/** Of four lanes, those that `rest` values fill: all bits, or none. */
const MASKS: usize = memory.data<i32>([-1, -1, -1, -1, 0, 0, 0, 0], 16);
const LOWEST: usize = memory.data<f64>([-Infinity, -Infinity], 16);

// @ts-ignore: decorator
@inline
export function lanes(rest: i32): v128 {
  return v128.load(MASKS + 16 - (<usize>rest << 2));
}

// @ts-ignore: decorator
@inline
function total(low: v128, high: v128): f64 {
  const pair = f64x2.add(low, high);
  return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
}

// @ts-ignore: decorator
@inline
export function storeLanes(to: usize, value: v128, rest: i32): void {
  if (rest >= 4) {
    v128.store(to, value);
    return;
  }
  v128.store32_lane(to, value, 0);
  if (rest > 1) v128.store32_lane(to, value, 1, 4);
  if (rest > 2) v128.store32_lane(to, value, 2, 8);
}

/** Writes −∞ behind the last of `size` doubles, up to a multiple of four. */
// @ts-ignore: decorator
@inline
export function closeRow(row: usize, size: i32): void {
  for (let i = size; i & 3; i++) store<f64>(row + (<usize>i << 3), -Infinity);
}

/**
 * The softmax of the doubles of a row, closed as above, which it writes over; into `size` float32, and zeros behind
 * them up to a multiple of four with `padded`. Of a NaN all become NaN, through the sum.
 */
// @ts-ignore: decorator
@inline
export function finishSoftmax(row: usize, size: i32, out: usize, padded: bool): void {
  const end = row + (<usize>((size + 3) & ~3) << 3);
  let max0 = v128.load(LOWEST);
  let max1 = max0;
  for (let at = row; at < end; at += 32) {
    max0 = f64x2.pmax(max0, v128.load(at));
    max1 = f64x2.pmax(max1, v128.load(at, 16));
  }
  max0 = f64x2.pmax(max0, max1);
  max0 = f64x2.pmax(max0, v128.shuffle<i64>(max0, max0, 1, 0));
  let low = f64x2.splat(0);
  let high = low;
  for (let at = row; at < end; at += 32) {
    const a = decay(f64x2.sub(v128.load(at), max0));
    const b = decay(f64x2.sub(v128.load(at, 16), max0));
    low = f64x2.add(low, a);
    high = f64x2.add(high, b);
    v128.store(at, a);
    v128.store(at, b, 16);
  }
  const sum = f64x2.splat(total(low, high));
  let rest = size;
  for (let at = row; at < end; at += 32) {
    const shares = demote(f64x2.div(v128.load(at), sum), f64x2.div(v128.load(at, 16), sum));
    if (padded) v128.store(out, shares);
    else storeLanes(out, shares, rest);
    rest -= 4;
    out += 16;
  }
}

/** The softmax of each of `rows` rows of x, into out. `row` has room for one, in doubles. */
export function softmaxRows(x: usize, rows: i32, size: i32, row: usize, out: usize): void {
  const bytes = <usize>size << 2;
  const end = x + <usize>rows * bytes;
  for (; x < end; x += bytes) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const values = v128.load(x + i);
      v128.store(row + (i << 1), f64x2.promote_low_f32x4(values));
      v128.store(row + (i << 1), promoteHigh(values), 16);
    }
    closeRow(row, size);
    finishSoftmax(row, size, out, false);
    out += bytes;
  }
}

/** Normalizes each of `rows` rows of x, into out. `weight` and `bias` are 0 for none. */
export function normalizeRows(x: usize, rows: i32, size: i32, eps: f64, centered: bool, weight: usize, bias: usize, out: usize): void {
  const bytes = <usize>size << 2;
  const end = x + <usize>rows * bytes;
  for (; x < end; x += bytes) {
    const mean = f64x2.splat(centered ? sumOf(x, size) / <f64>size : 0);
    const factor = f64x2.splat(1 / sqrt<f64>(squaresOf(x, size, mean) / <f64>size + eps));
    let rest = size;
    for (let i: usize = 0; i < bytes; i += 16) {
      const values = v128.load(x + i);
      let low = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(values), mean), factor);
      let high = f64x2.mul(f64x2.sub(promoteHigh(values), mean), factor);
      if (weight != 0) {
        const w = v128.load(weight + i);
        low = f64x2.mul(low, f64x2.promote_low_f32x4(w));
        high = f64x2.mul(high, promoteHigh(w));
      }
      const b = bias == 0 ? f32x4.splat(0) : v128.load(bias + i);
      low = f64x2.add(low, f64x2.promote_low_f32x4(b));
      high = f64x2.add(high, promoteHigh(b));
      storeLanes(out + i, demote(low, high), rest);
      rest -= 4;
    }
    out += bytes;
  }
}

// @ts-ignore: decorator
@inline
function sumOf(x: usize, size: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  let rest = size;
  for (; rest >= 4; rest -= 4) {
    const values = v128.load(x);
    low = f64x2.add(low, f64x2.promote_low_f32x4(values));
    high = f64x2.add(high, promoteHigh(values));
    x += 16;
  }
  if (rest > 0) {
    const values = v128.and(v128.load(x), lanes(rest));
    low = f64x2.add(low, f64x2.promote_low_f32x4(values));
    high = f64x2.add(high, promoteHigh(values));
  }
  return total(low, high);
}

/** Σ (x − mean)². */
// @ts-ignore: decorator
@inline
function squaresOf(x: usize, size: i32, mean: v128): f64 {
  let low = f64x2.splat(0);
  let high = low;
  let rest = size;
  for (; rest > 0; rest -= 4) {
    const values = v128.load(x);
    let a = f64x2.sub(f64x2.promote_low_f32x4(values), mean);
    let b = f64x2.sub(promoteHigh(values), mean);
    if (rest < 4) {
      const mask = lanes(rest);
      a = v128.and(a, v128.shuffle<i32>(mask, mask, 0, 0, 1, 1));
      b = v128.and(b, v128.shuffle<i32>(mask, mask, 2, 2, 3, 3));
    }
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
    x += 16;
  }
  return total(low, high);
}
