// From exact sums to float32, in the way of each engine: zero point off, multiplier, bias.
import { biasOf, bytesOf, channelsOf, factorsOf, FBGEMM, kindOf, rowSumsOf } from './descriptor';
import { fma4 } from './fma';
import { factorOf, rowRecord, zeroOf } from './operand';

/**
 * Turns the sums that a product left in a row of out [m, n] into its results, in place, for the sixteen channels
 * of a block. Called while the row's line is in the cache: rows of a power of two of bytes push each other out.
 *
 * Sums of shifted codes and unsigned weights have (zero point − middle) · Σ w and 128 · Σ x too much: see operand.ts.
 */
export function finishRow(product: usize, operand: usize, row: i32, out: usize, block: i32): void {
  const at = <usize>block << 6;
  const y = out + <usize>row * (<usize>channelsOf(product) << 2) + at;
  const factors = factorsOf(product) + at;
  const factor = f32x4.splat(factorOf(operand));
  const m0 = f32x4.mul(factor, v128.load(factors));
  const m1 = f32x4.mul(factor, v128.load(factors, 16));
  const m2 = f32x4.mul(factor, v128.load(factors, 32));
  const m3 = f32x4.mul(factor, v128.load(factors, 48));
  let s0 = v128.load(y);
  let s1 = v128.load(y, 16);
  let s2 = v128.load(y, 32);
  let s3 = v128.load(y, 48);
  if (bytesOf(product)) {
    const zero = i32x4.splat(zeroOf(operand));
    const surplus = v128.load32_splat(rowRecord(operand, row));
    const sums = rowSumsOf(product) + at;
    s0 = i32x4.sub(s0, i32x4.add(surplus, i32x4.mul(zero, v128.load(sums))));
    s1 = i32x4.sub(s1, i32x4.add(surplus, i32x4.mul(zero, v128.load(sums, 16))));
    s2 = i32x4.sub(s2, i32x4.add(surplus, i32x4.mul(zero, v128.load(sums, 32))));
    s3 = i32x4.sub(s3, i32x4.add(surplus, i32x4.mul(zero, v128.load(sums, 48))));
  }
  s0 = f32x4.convert_i32x4_s(s0);
  s1 = f32x4.convert_i32x4_s(s1);
  s2 = f32x4.convert_i32x4_s(s2);
  s3 = f32x4.convert_i32x4_s(s3);
  if (biasOf(product) == 0) storeRow(y, f32x4.mul(s0, m0), f32x4.mul(s1, m1), f32x4.mul(s2, m2), f32x4.mul(s3, m3));
  else {
    const bias = biasOf(product) + at;
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    const b2 = v128.load(bias, 32);
    const b3 = v128.load(bias, 48);
    // fbgemm's bias is added with one rounding.
    if (kindOf(product) == FBGEMM) storeRow(y, fma4(s0, m0, b0), fma4(s1, m1, b1), fma4(s2, m2, b2), fma4(s3, m3, b3));
    else storeRow(y, added(s0, m0, b0), added(s1, m1, b1), added(s2, m2, b2), added(s3, m3, b3));
  }
}

// @ts-ignore: decorator
@inline
function added(value: v128, multiplier: v128, bias: v128): v128 {
  return f32x4.add(f32x4.mul(value, multiplier), bias);
}

// @ts-ignore: decorator
@inline
function storeRow(y: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(y, a);
  v128.store(y, b, 16);
  v128.store(y, c, 32);
  v128.store(y, d, 48);
}
