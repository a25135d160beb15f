import { crc32 } from 'node:zlib';

/** CRC-32 carried on over another piece. zlib starts anew for a piece without bytes, which must not count. */
export function updateCrc32(crc: number, chunk: Uint8Array): number {
  return chunk.length === 0 ? crc : crc32(chunk, crc);
}

/** Below this, going over the bytes again is faster than combining. */
const combinedFrom = 4096;

const ownCrcs = new WeakMap<Uint8Array, number>();

/**
 * The same for a piece that is summed more than once and not changed in between, as for its record and for
 * its file: its bytes are gone over once.
 */
export function updateSharedCrc32(crc: number, chunk: Uint8Array): number {
  if (chunk.length < combinedFrom) return updateCrc32(crc, chunk);
  const own = ownCrcs.get(chunk) ?? crc32(chunk);
  ownCrcs.set(chunk, own);
  return combineCrc32(crc, own, chunk.length);
}

/**
 * The CRC of two pieces behind each other from their own: the first times x^(8 · length of the second),
 * plus the second, as polynomials over GF(2). Source: crc32_combine of zlib 1.3.
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  let shift = 0x80000000;
  let power = 0x00800000;
  for (let rest = secondLength; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = product(power, shift);
    power = product(power, power);
  }
  return (product(shift, first) ^ second) >>> 0;
}

/** Bit 31 is x^0; reduced by the polynomial of CRC-32. */
function product(a: number, b: number): number {
  let sum = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) sum ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ 0xedb88320 : shifted >>> 1;
  }
  return sum >>> 0;
}
