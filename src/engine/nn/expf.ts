/**
 * float32 exp as glibc (2.27 and later) computes it, within 0.502 ulp: a table of 2^(i/32) and a
 * cubic in double. Algorithm and constants: ARM optimized routines, math/expf.c and
 * math/exp2f_data.c, MIT licence. glibc may contract a product and a sum there; in double, before
 * the rounding to float32, that is not seen.
 */

const tableSize = 32;
const table = Float64Array.from({ length: tableSize }, (_, i) => 2 ** (i / tableSize));

/** 32 / ln 2. */
const scale = (0x171547652b82fe / 2 ** 52) * tableSize;
/** 2^(r/32) = 1 + c2 r + c1 r² + c0 r³ for r in [−½, ½]. */
const c0 = 0x1c6af84b912394 / 2 ** 57 / tableSize ** 3;
const c1 = 0x1ebfce50fac4f3 / 2 ** 55 / tableSize ** 2;
const c2 = 0x162e42ff0c52d6 / 2 ** 53 / tableSize;

/** exp(x) for a float32 x, rounded to float32. */
export function expf(x: number): number {
  // The shift rounds to even, as the double it is added to has no fraction bits left.
  const shift = 1.5 * 2 ** 52;
  const z = scale * Math.max(-160, Math.min(x, 160));
  const k = z + shift - shift;
  const r = z - k;
  const i = ((k % tableSize) + tableSize) % tableSize;
  const power = table[i] * 2 ** ((k - i) / tableSize);
  return Math.fround(((c0 * r + c1) * (r * r) + (c2 * r + 1)) * power);
}
