/**
 * Widening of the small float formats to float32. Every finite value of them is exact in
 * float32, so these are conversions without rounding.
 */

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** IEEE binary16 pattern to its value. */
export function float16ToNumber(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 pattern (the upper half of a float32) to its value. */
export function bfloat16ToNumber(pattern: number): number {
  bits[0] = pattern << 16;
  return value[0];
}

/** float32 to the nearest IEEE binary16 pattern, ties to even, overflow to infinity. */
export function numberToFloat16(x: number): number {
  value[0] = x;
  const b = bits[0];
  const sign = (b >>> 16) & 0x8000;
  const magnitude = b & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14 the result is subnormal: a multiple of 2^-24, rounded ties to even.
    const scaled = Math.abs(value[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    const up = rest > 0.5 || (rest === 0.5 && (floor & 1) === 1);
    return sign | (up ? floor + 1 : floor);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}
