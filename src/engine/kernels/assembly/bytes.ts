// The int8 product with the relaxed dot product: 16 products an instruction, weights w + 128 as unsigned
// bytes, activations x = code − 64 as signed ones. A pair w0·x0 + w1·x1 is at most 2 · 255 · 64 < 2^15.
//
// Early form: two pairs are added in 16 bits before they are widened, which needs small activations
// (delay.ts); three multiplications then do 32 products instead of four. Codes that are too large for
// it were taken out of the rows and are added at the end.
//
// Live vectors in a loop stay under 16: V8 hoists all loads of a body above its arithmetic, and
// spilled accumulators cost two to four times. Loads of one iteration lie in the same two cache lines:
// four streams at the same place of different lines wait for the same bank of the cache.
import { ONES_I16 } from './constants';
import { channelsOf, paddedOf, weightsOf } from './descriptor';
import { finishRow } from './finish';
import { codesOf, delayedOf, earlyOf, rowRecord } from './operand';

/** Blocks `from` … `to` of sixteen channels of m rows, into out [m, n]. */
export function multiplyBytes(product: usize, operand: usize, m: i32, out: usize, from: i32, to: i32): void {
  const k = paddedOf(product);
  const rowBytes = <usize>channelsOf(product) << 2;
  const early = earlyOf(operand);
  for (let block = from; block < to; block++) {
    const w = weightsOf(product) + <usize>block * (<usize>k << 4);
    const at = out + (<usize>block << 6);
    let row = 0;
    // Eight channels, then the other eight: the sums of two rows and sixteen channels do not fit.
    for (; early && row + 1 < m; row += 2) {
      const y = at + <usize>row * rowBytes;
      early2(operand, row, w, k, y, rowBytes);
      early2(operand, row, w + 32, k, y + 32, rowBytes);
      finishRow(product, operand, row, out, block);
      finishRow(product, operand, row + 1, out, block);
    }
    for (; row < m; row++) {
      if (early) early4(operand, row, w, k, at + <usize>row * rowBytes);
      else plain4(operand, row, w, k, at + <usize>row * rowBytes);
      finishRow(product, operand, row, out, block);
    }
  }
}

// @ts-ignore: decorator
@inline
function pairs(w: v128, x: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(x, w);
}

// @ts-ignore: decorator
@inline
function two(low: v128, high: v128, x0: v128, x1: v128, ones: v128): v128 {
  return i32x4.dot_i16x8_s(i16x8.add(pairs(low, x0), pairs(high, x1)), ones);
}

/** A row's delayed codes: from its first to its last entry. */
// @ts-ignore: decorator
@inline
function firstLate(operand: usize, row: i32): usize {
  return row == 0 ? delayedOf(operand) : <usize>load<u32>(rowRecord(operand, row - 1), 4);
}

// @ts-ignore: decorator
@inline
function lastLate(operand: usize, row: i32): usize {
  return <usize>load<u32>(rowRecord(operand, row), 4);
}

// @ts-ignore: decorator
@inline
function late(sum: v128, w: v128, x: v128, ones: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(pairs(w, x), ones));
}

/** One row and sixteen channels. */
// @ts-ignore: decorator
@inline
function early4(operand: usize, row: i32, first: usize, k: i32, y: usize): void {
  const ones = v128.load(ONES_I16);
  let x = codesOf(operand) + <usize>row * <usize>k;
  const end = x + <usize>k;
  let w = first;
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  do {
    const x0 = v128.load32_splat(x);
    const x1 = v128.load32_splat(x, 4);
    a0 = i32x4.add(a0, two(v128.load(w), v128.load(w, 64), x0, x1, ones));
    a1 = i32x4.add(a1, two(v128.load(w, 16), v128.load(w, 80), x0, x1, ones));
    a2 = i32x4.add(a2, two(v128.load(w, 32), v128.load(w, 96), x0, x1, ones));
    a3 = i32x4.add(a3, two(v128.load(w, 48), v128.load(w, 112), x0, x1, ones));
    x += 8;
    w += 128;
  } while (x < end);
  const entries = lastLate(operand, row);
  for (let entry = firstLate(operand, row); entry < entries; entry += 8) {
    const at = first + load<u32>(entry);
    const b = v128.load32_splat(entry, 4);
    a0 = late(a0, v128.load(at), b, ones);
    a1 = late(a1, v128.load(at, 16), b, ones);
    a2 = late(a2, v128.load(at, 32), b, ones);
    a3 = late(a3, v128.load(at, 48), b, ones);
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
  v128.store(y, a2, 32);
  v128.store(y, a3, 48);
}

/** The same a pair at a time. */
// @ts-ignore: decorator
@inline
function plain4(operand: usize, row: i32, w: usize, k: i32, y: usize): void {
  const ones = v128.load(ONES_I16);
  let x = codesOf(operand) + <usize>row * <usize>k;
  const end = x + <usize>k;
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  do {
    const b = v128.load32_splat(x);
    a0 = late(a0, v128.load(w), b, ones);
    a1 = late(a1, v128.load(w, 16), b, ones);
    a2 = late(a2, v128.load(w, 32), b, ones);
    a3 = late(a3, v128.load(w, 48), b, ones);
    x += 4;
    w += 64;
  } while (x < end);
  v128.store(y, a0);
  v128.store(y, a1, 16);
  v128.store(y, a2, 32);
  v128.store(y, a3, 48);
}

/** Two rows and eight channels. */
// @ts-ignore: decorator
@inline
function early2(operand: usize, row: i32, first: usize, k: i32, y: usize, rowBytes: usize): void {
  const ones = v128.load(ONES_I16);
  let x = codesOf(operand) + <usize>row * <usize>k;
  const end = x + <usize>k;
  let z = end;
  let w = first;
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  do {
    const x0 = v128.load32_splat(x);
    const x1 = v128.load32_splat(x, 4);
    const z0 = v128.load32_splat(z);
    const z1 = v128.load32_splat(z, 4);
    let low = v128.load(w);
    let high = v128.load(w, 64);
    a0 = i32x4.add(a0, two(low, high, x0, x1, ones));
    b0 = i32x4.add(b0, two(low, high, z0, z1, ones));
    low = v128.load(w, 16);
    high = v128.load(w, 80);
    a1 = i32x4.add(a1, two(low, high, x0, x1, ones));
    b1 = i32x4.add(b1, two(low, high, z0, z1, ones));
    x += 8;
    z += 8;
    w += 128;
  } while (x < end);
  const middle = lastLate(operand, row);
  const entries = lastLate(operand, row + 1);
  let entry = firstLate(operand, row);
  for (; entry < middle; entry += 8) {
    const at = first + load<u32>(entry);
    const b = v128.load32_splat(entry, 4);
    a0 = late(a0, v128.load(at), b, ones);
    a1 = late(a1, v128.load(at, 16), b, ones);
  }
  for (; entry < entries; entry += 8) {
    const at = first + load<u32>(entry);
    const b = v128.load32_splat(entry, 4);
    b0 = late(b0, v128.load(at), b, ones);
    b1 = late(b1, v128.load(at, 16), b, ones);
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
  v128.store(y + rowBytes, b0);
  v128.store(y + rowBytes, b1, 16);
}
