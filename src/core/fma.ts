const f64 = new Float64Array(1);
const u32 = new Uint32Array(f64.buffer);

/**
 * float32 fused multiply-add, `a·b + c` with one rounding, for float32 operands.
 *
 * The product of two float32 is exact in double. The sum is rounded to odd (TwoSum gives its
 * exact error), which makes the second rounding to float32 innocent: Boldo and Melquiond,
 * "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008.
 */
export function fma32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rounded = sum - product;
  const error = product - (sum - rounded) + (c - rounded);
  if (error === 0 || !Number.isFinite(sum)) return Math.fround(sum);
  f64[0] = sum;
  if ((u32[0] & 1) === 0) {
    // Away from zero when the error has the sum's sign, else toward it; the low word cannot
    // borrow past the high one but for an all-zero low word.
    if (error > 0 === sum > 0) u32[0] |= 1;
    else if (u32[0] !== 0) u32[0] -= 1;
    else {
      u32[0] = 0xffffffff;
      u32[1] -= 1;
    }
  }
  return Math.fround(f64[0]);
}

/** Round to the nearest integer, ties to even: C's nearbyint in the default mode. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
