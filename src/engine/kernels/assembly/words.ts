// The int8 product without relaxed instructions: i16 `code − zeroPoint` against widened weights, exact
// for every code and on every machine. Accumulators are i32: k is at most 65 536 (see productStore.ts),
// so |Σ| ≤ 65 536 · 255 · 128 < 2^31. Live vectors stay under 16, as in bytes.ts.
import { channelsOf, paddedOf, weightsOf } from './descriptor';
import { finishRow } from './finish';
import { codesOf } from './operand';

/** As multiplyBytes. */
export function multiplyWords(product: usize, operand: usize, m: i32, out: usize, from: i32, to: i32): void {
  const k = paddedOf(product);
  const outBytes = <usize>channelsOf(product) << 2;
  for (let block = from; block < to; block++) {
    const w = weightsOf(product) + <usize>block * (<usize>k << 4);
    let x = codesOf(operand);
    let y = out + (<usize>block << 6);
    for (let row = 0; row < m; row++) {
      sixteen(x, k, w, y);
      finishRow(product, operand, row, out, block);
      x += <usize>k << 1;
      y += outBytes;
    }
  }
}

/** Sums of one row and sixteen channels. */
// @ts-ignore: decorator
@inline
function sixteen(x: usize, k: i32, w: usize, y: usize): void {
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
    let four = v128.load(w);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(four), b));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(four), b));
    four = v128.load(w, 16);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(four), b));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(four), b));
    four = v128.load(w, 32);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(four), b));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(four), b));
    four = v128.load(w, 48);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(four), b));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(four), b));
    x += 8;
    w += 64;
  } while (x < end);
  v128.store(y, pairs(a0, b0));
  v128.store(y, pairs(a1, b1), 16);
  v128.store(y, pairs(a2, b2), 32);
  v128.store(y, pairs(a3, b3), 48);
}

/** [c0 + c0', c1 + c1', c2 + c2', c3 + c3'] of halves that lie side by side. */
// @ts-ignore: decorator
@inline
function pairs(low: v128, high: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(low, high, 0, 2, 4, 6), v128.shuffle<i32>(low, high, 1, 3, 5, 7));
}
