// What `prepare` makes of x [m, k] and `multiply` takes. Int8 operands start with a head of 64 bytes:
//
//  0 factor    the activation's part of the output multiplier, f32
//  4 zero      bytes: zero point − middle; i16 codes have the zero point taken off already
//  8 early     bytes: 1 if pairs of products may be added before they are widened (see bytes.ts)
// 12 codes     address of the codes [m][k padded]
// 16 delayed   address of the first delayed entry
//
// Bytes are `code − middle`, signed; middle is 64 where the engine's codes have 7 bits (they reach 128), else 128.
// They have a row record of 8 bytes after the head: what unsigned weights (w + 128) make of it too much,
// 128 · Σ_k of the row, and the address after its last delayed entry. Float operands are the rows, padded.
import { bytesOf, FLOAT, kindOf, paddedOf, QNNPACK } from './descriptor';

const HEAD: usize = 64;

// @ts-ignore: decorator
@inline export function factorOf(operand: usize): f32 { return load<f32>(operand); }
// @ts-ignore: decorator
@inline export function zeroOf(operand: usize): i32 { return load<i32>(operand, 4); }
// @ts-ignore: decorator
@inline export function earlyOf(operand: usize): bool { return load<i32>(operand, 8) != 0; }
// @ts-ignore: decorator
@inline export function codesOf(operand: usize): usize { return load<u32>(operand, 12); }
// @ts-ignore: decorator
@inline export function delayedOf(operand: usize): usize { return load<u32>(operand, 16); }
// @ts-ignore: decorator
@inline export function middleOf(kind: i32): i32 { return kind == QNNPACK ? 128 : 64; }
// @ts-ignore: decorator
@inline export function rowRecord(operand: usize, row: i32): usize { return operand + HEAD + (<usize>row << 3); }

/** Delayed entries that there is room for: an eighth of the blocks of eight codes; beyond it they do not pay. */
// @ts-ignore: decorator
@inline export function delayedRoom(m: i32, padded: i32): i32 { return (m * padded) >> 6; }

// @ts-ignore: decorator
@inline function aligned(bytes: usize): usize { return (bytes + 63) & ~63; }

/** Bytes of an operand of m rows. */
export function operandBytes(product: usize, m: i32): usize {
  const codes = <usize>m * <usize>paddedOf(product);
  if (kindOf(product) == FLOAT) return codes << 2;
  if (!bytesOf(product)) return HEAD + (codes << 1);
  return aligned(HEAD + (<usize>m << 3)) + aligned(codes) + (<usize>delayedRoom(m, paddedOf(product)) << 3);
}

/** Writes the head for m rows; returns the address of the codes. */
export function layOut(product: usize, operand: usize, m: i32, factor: f32, zero: i32): usize {
  const bytes = bytesOf(product);
  const codes = bytes ? aligned(rowRecord(operand, m)) : operand + HEAD;
  store<f32>(operand, factor);
  store<i32>(operand, zero, 4);
  store<i32>(operand, 0, 8);
  store<u32>(operand, <u32>codes, 12);
  store<u32>(operand, <u32>(codes + aligned(<usize>m * <usize>paddedOf(product))), 16);
  return codes;
}

// @ts-ignore: decorator
@inline export function setEarly(operand: usize): void { store<i32>(operand, 1, 8); }
