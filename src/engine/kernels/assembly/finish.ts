// From exact sums to float32, in the way of each engine: zero point off, multiplier, bias.
import { biasOf, bytesOf, channelsOf, factorsOf, FBGEMM, kindOf, rowSumsOf } from './descriptor';
import { demote, fma4Slow, fusedHigh, fusedLow, middles, promoteHigh } from './fma';
import { factorOf, rowRecord, zeroOf } from './operand';

/**
 * Turns the sums that a product left in out [m, n] into its results, in place, for the sixteen channels of
 * a block. It is a pass of its own because its constants are then loaded once for all rows, and because
 * the end of a product's loop is mispredicted, which would throw its instructions away.
 *
 * Sums of unsigned weights and shifted codes have 128 · Σ x and (zero point − 64) · Σ w too much.
 */
export function finishBlock(product: usize, operand: usize, m: i32, out: usize, block: i32): void {
  const factor = f32x4.splat(factorOf(operand));
  const rowBytes = <usize>channelsOf(product) << 2;
  const bytes = bytesOf(product);
  const end = out + <usize>m * rowBytes;
  const bias = biasOf(product);
  if (m == 1 && bias != 0 && kindOf(product) == FBGEMM) {
    finishFused(product, operand, out + (<usize>block << 6), <usize>block << 6, factor, bytes);
    return;
  }
  for (let i = 0; i < 4; i++) {
    const at = (<usize>block << 6) + (<usize>i << 4);
    const multiplier = f32x4.mul(factor, v128.load(factorsOf(product) + at));
    const shift = bytes ? i32x4.mul(i32x4.splat(zeroOf(operand)), v128.load(rowSumsOf(product) + at)) : i32x4.splat(0);
    let record = bytes ? rowRecord(operand, 0) : 0;
    if (bias != 0 && kindOf(product) == FBGEMM) {
      const added = v128.load(bias + at);
      const m0 = f64x2.promote_low_f32x4(multiplier);
      const m1 = promoteHigh(multiplier);
      const b0 = f64x2.promote_low_f32x4(added);
      const b1 = promoteHigh(added);
      for (let y = out; y < end; y += rowBytes) {
        const value = valueAt(y + at, bytes, record, shift);
        const low = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(value), m0), b0);
        const high = f64x2.add(f64x2.mul(promoteHigh(value), m1), b1);
        v128.store(y + at, v128.any_true(middles(low, high)) ? fma4Slow(value, multiplier, added) : demote(low, high));
        record += 8;
      }
    } else {
      const added = bias == 0 ? f32x4.splat(0) : v128.load(bias + at);
      for (let y = out; y < end; y += rowBytes) {
        const product4 = f32x4.mul(valueAt(y + at, bytes, record, shift), multiplier);
        v128.store(y + at, bias == 0 ? product4 : f32x4.add(product4, added));
        record += 8;
      }
    }
  }
}

/** The commonest case without a loop, with one look for middles: a row at a time this is a tenth of the work. */
// @ts-ignore: decorator
@inline
function finishFused(product: usize, operand: usize, y: usize, at: usize, factor: v128, bytes: bool): void {
  const factors = factorsOf(product) + at;
  const bias = biasOf(product) + at;
  const m0 = f32x4.mul(factor, v128.load(factors));
  const m1 = f32x4.mul(factor, v128.load(factors, 16));
  const m2 = f32x4.mul(factor, v128.load(factors, 32));
  const m3 = f32x4.mul(factor, v128.load(factors, 48));
  let s0 = v128.load(y);
  let s1 = v128.load(y, 16);
  let s2 = v128.load(y, 32);
  let s3 = v128.load(y, 48);
  if (bytes) {
    const zero = i32x4.splat(zeroOf(operand));
    const rowSum = v128.load32_splat(rowRecord(operand, 0));
    const sums = rowSumsOf(product) + at;
    s0 = i32x4.sub(s0, i32x4.add(rowSum, i32x4.mul(zero, v128.load(sums))));
    s1 = i32x4.sub(s1, i32x4.add(rowSum, i32x4.mul(zero, v128.load(sums, 16))));
    s2 = i32x4.sub(s2, i32x4.add(rowSum, i32x4.mul(zero, v128.load(sums, 32))));
    s3 = i32x4.sub(s3, i32x4.add(rowSum, i32x4.mul(zero, v128.load(sums, 48))));
  }
  s0 = f32x4.convert_i32x4_s(s0);
  s1 = f32x4.convert_i32x4_s(s1);
  s2 = f32x4.convert_i32x4_s(s2);
  s3 = f32x4.convert_i32x4_s(s3);
  const l0 = fusedLow(s0, m0, v128.load(bias));
  const h0 = fusedHigh(s0, m0, v128.load(bias));
  const l1 = fusedLow(s1, m1, v128.load(bias, 16));
  const h1 = fusedHigh(s1, m1, v128.load(bias, 16));
  const l2 = fusedLow(s2, m2, v128.load(bias, 32));
  const h2 = fusedHigh(s2, m2, v128.load(bias, 32));
  const l3 = fusedLow(s3, m3, v128.load(bias, 48));
  const h3 = fusedHigh(s3, m3, v128.load(bias, 48));
  const middle = v128.or(v128.or(middles(l0, h0), middles(l1, h1)), v128.or(middles(l2, h2), middles(l3, h3)));
  if (v128.any_true(middle)) {
    v128.store(y, fma4Slow(s0, m0, v128.load(bias)));
    v128.store(y, fma4Slow(s1, m1, v128.load(bias, 16)), 16);
    v128.store(y, fma4Slow(s2, m2, v128.load(bias, 32)), 32);
    v128.store(y, fma4Slow(s3, m3, v128.load(bias, 48)), 48);
    return;
  }
  v128.store(y, demote(l0, h0));
  v128.store(y, demote(l1, h1), 16);
  v128.store(y, demote(l2, h2), 32);
  v128.store(y, demote(l3, h3), 48);
}

// @ts-ignore: decorator
@inline
function valueAt(y: usize, bytes: bool, record: usize, shift: v128): v128 {
  const sums = v128.load(y);
  return f32x4.convert_i32x4_s(bytes ? i32x4.sub(sums, i32x4.add(v128.load32_splat(record), shift)) : sums);
}
