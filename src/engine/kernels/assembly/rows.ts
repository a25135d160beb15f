// The inner loops of the int8 product: one row of codes against panels of four channels. Sums of
// four panels (16 channels) are left in ACCUMULATORS. Accumulators are i32 and exact: k is at most
// 65 536 (see wasmKernels.ts), so |Σ| ≤ 65 536 · 255 · 128 < 2^31.
//
// Live vectors in a loop stay under 16: V8 hoists all loads of a body above its arithmetic, and
// spilled accumulators cost two to four times.
import { ACCUMULATORS, ONES_I16 } from './constants';

/**
 * Bytes 0…128 against i8 weights with the relaxed dot product (16 products an instruction). Pair
 * sums are at most 2·128·127 in magnitude, or −32 768: no saturation is reached.
 */
// @ts-ignore: decorator
@inline
export function bytes4(x: usize, k: i32, w0: usize, w1: usize, w2: usize, w3: usize): void {
  const ones = v128.load(ONES_I16);
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  const end = x + <usize>k;
  do {
    const b = v128.load32_splat(x);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(w0), b), ones));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(w1), b), ones));
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(w2), b), ones));
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(w3), b), ones));
    x += 4;
    w0 += 16;
    w1 += 16;
    w2 += 16;
    w3 += 16;
  } while (x < end);
  v128.store(ACCUMULATORS, a0);
  v128.store(ACCUMULATORS, a1, 16);
  v128.store(ACCUMULATORS, a2, 32);
  v128.store(ACCUMULATORS, a3, 48);
}

// @ts-ignore: decorator
@inline
export function bytes1(x: usize, k: i32, w: usize): void {
  const ones = v128.load(ONES_I16);
  let a = i32x4.splat(0);
  const end = x + <usize>k;
  do {
    const b = v128.load32_splat(x);
    a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(w), b), ones));
    x += 4;
    w += 16;
  } while (x < end);
  v128.store(ACCUMULATORS, a);
}

/** i16 `code − zeroPoint` against widened weights; exact for every code and on every machine. */
// @ts-ignore: decorator
@inline
export function words4(x: usize, k: i32, w0: usize, w1: usize, w2: usize, w3: usize): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  const end = x + (<usize>k << 1);
  do {
    const b = v128.load64_splat(x);
    let w = v128.load(w0);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(w), b));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(w), b));
    w = v128.load(w1);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(w), b));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(w), b));
    w = v128.load(w2);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(w), b));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(w), b));
    w = v128.load(w3);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(w), b));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(w), b));
    x += 8;
    w0 += 16;
    w1 += 16;
    w2 += 16;
    w3 += 16;
  } while (x < end);
  v128.store(ACCUMULATORS, pairs(a0, b0));
  v128.store(ACCUMULATORS, pairs(a1, b1), 16);
  v128.store(ACCUMULATORS, pairs(a2, b2), 32);
  v128.store(ACCUMULATORS, pairs(a3, b3), 48);
}

// @ts-ignore: decorator
@inline
export function words1(x: usize, k: i32, w: usize): void {
  let low = i32x4.splat(0);
  let high = low;
  const end = x + (<usize>k << 1);
  do {
    const b = v128.load64_splat(x);
    const four = v128.load(w);
    low = i32x4.add(low, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(four), b));
    high = i32x4.add(high, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(four), b));
    x += 8;
    w += 16;
  } while (x < end);
  v128.store(ACCUMULATORS, pairs(low, high));
}

/** [c0 + c0', c1 + c1', c2 + c2', c3 + c3'] of halves that lie side by side. */
// @ts-ignore: decorator
@inline
function pairs(low: v128, high: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(low, high, 0, 2, 4, 6), v128.shuffle<i32>(low, high, 1, 3, 5, 7));
}
