// From exact sums to float32, in the way of each engine: zero point off, multiplier, bias.
import { biasOf, bytesOf, channelsOf, factorsOf, FBGEMM, kindOf, rowSumsOf } from './descriptor';
import { fma4 } from './fma';
import { factorOf, rowRecord, zeroOf } from './operand';

/**
 * Turns the sums that a product left in out [m, n] into its results, in place, for the sixteen channels of
 * a block. It is a pass of its own because its constants are then loaded once for all rows, and because
 * the end of a product's loop is mispredicted, which would throw its instructions away.
 *
 * Sums of shifted codes and unsigned weights have (zero point − middle) · Σ w and 128 · Σ x too much: see operand.ts.
 */
export function finishBlock(product: usize, operand: usize, m: i32, out: usize, block: i32): void {
  const factor = f32x4.splat(factorOf(operand));
  const bytes = bytesOf(product);
  const bias = biasOf(product);
  const at = <usize>block << 6;
  const y = out + at;
  if (m == 1 && bias != 0 && kindOf(product) == FBGEMM) {
    // The commonest case without a loop: a row at a time this is a tenth of the work.
    fusedRow(product, operand, y, at, factor, bytes);
    fusedRow(product, operand, y + 16, at + 16, factor, bytes);
    fusedRow(product, operand, y + 32, at + 32, factor, bytes);
    fusedRow(product, operand, y + 48, at + 48, factor, bytes);
    return;
  }
  for (let i: usize = 0; i < 64; i += 16) finishRows(product, operand, m, y + i, at + i, factor, bytes);
}

/** Four channels of one row, whose bias fbgemm adds with one rounding. */
// @ts-ignore: decorator
@inline
function fusedRow(product: usize, operand: usize, y: usize, at: usize, factor: v128, bytes: bool): void {
  const multiplier = f32x4.mul(factor, v128.load(factorsOf(product) + at));
  const value = valueAt(y, bytes, bytes ? rowRecord(operand, 0) : 0, shiftOf(product, operand, at, bytes));
  v128.store(y, fma4(value, multiplier, v128.load(biasOf(product) + at)));
}

/** Four channels of m rows. */
// @ts-ignore: decorator
@inline
function finishRows(product: usize, operand: usize, m: i32, out: usize, at: usize, factor: v128, bytes: bool): void {
  const rowBytes = <usize>channelsOf(product) << 2;
  const end = out + <usize>m * rowBytes;
  const bias = biasOf(product);
  const added = bias == 0 ? f32x4.splat(0) : v128.load(bias + at);
  const multiplier = f32x4.mul(factor, v128.load(factorsOf(product) + at));
  const shift = shiftOf(product, operand, at, bytes);
  let record = bytes ? rowRecord(operand, 0) : 0;
  if (bias != 0 && kindOf(product) == FBGEMM) {
    for (let y = out; y < end; y += rowBytes) {
      v128.store(y, fma4(valueAt(y, bytes, record, shift), multiplier, added));
      record += 8;
    }
  } else {
    for (let y = out; y < end; y += rowBytes) {
      const product4 = f32x4.mul(valueAt(y, bytes, record, shift), multiplier);
      v128.store(y, bias == 0 ? product4 : f32x4.add(product4, added));
      record += 8;
    }
  }
}

// @ts-ignore: decorator
@inline
function shiftOf(product: usize, operand: usize, at: usize, bytes: bool): v128 {
  return bytes ? i32x4.mul(i32x4.splat(zeroOf(operand)), v128.load(rowSumsOf(product) + at)) : i32x4.splat(0);
}

// @ts-ignore: decorator
@inline
function valueAt(y: usize, bytes: bool, record: usize, shift: v128): v128 {
  const sums = v128.load(y);
  return f32x4.convert_i32x4_s(bytes ? i32x4.sub(sums, i32x4.add(v128.load32_splat(record), shift)) : sums);
}
