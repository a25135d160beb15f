/**
 * σ and tanh in float32 that are the same on every machine: double arithmetic of plain sums,
 * products and quotients, rounded at the end. The vector kernels do the same operations in the
 * same order, so both give the same bits; the `Math` functions are not defined that precisely.
 *
 * e^x = 2^n · e^r with n = x / ln 2 rounded and |r| ≤ ln 2 / 2, and e^r − 1 = r + r² · Q(r). Q is
 * the Chebyshev interpolant of degree 7; the relative error of both e^r and e^r − 1 is below 2e-13, so
 * that rounding to float32 is correct but for one argument in half a million. Against PyTorch,
 * tanh is within 1 ulp and σ within 2.
 */

const f = Math.fround;

export const log2e = Math.LOG2E;
export const ln2 = Math.LN2;
/** 1.5 · 2^52: adding it leaves the rounded integer in the low bits of the sum. */
export const magic = 6755399441055744;

const f64 = new Float64Array(1);
const i32 = new Int32Array(f64.buffer);

/** r + r² · Q(r), which is e^r − 1; the sums of Q in pairs, which is the order of the vector kernels. */
export function exponentialLessOne(r: number): number {
  const r2 = r * r;
  const p01 = r * 0.1666666666666257 + 0.49999999999954925;
  const p23 = r * 0.008333333344235647 + 0.041666666786625194;
  const p45 = r * 0.0001984122450904205 + 0.0013888839010858958;
  const p67 = r * 2.7617625110379297e-6 + 2.486793656219774e-5;
  const p03 = p01 + r2 * p23;
  const p47 = p45 + r2 * p67;
  return r + r2 * (p03 + r2 * r2 * p47);
}

/** x · 2^n, for a result that is a normal double. */
export function scaled(x: number, n: number): number {
  f64[0] = x;
  i32[1] += n << 20;
  return f64[0];
}

/** `1 / (1 + exp(−x))`, with the exponential, the sum and the quotient rounded to float32. */
export function portableSigmoid(x: number): number {
  const y = clamp(-x, 128);
  const n = y * log2e + magic - magic;
  const e = scaled(1 + exponentialLessOne(y - n * ln2), n);
  return f(1 / f(1 + f(e)));
}

/** `d / (d + 2)` with d = e^2x − 1, which keeps its precision where x is small. */
export function portableTanh(x: number): number {
  // The sums below lose the sign of zero.
  if (x === 0) return x;
  const y = clamp(f(x + x), 40);
  const n = y * log2e + magic - magic;
  const s = scaled(1, n);
  const d = s * exponentialLessOne(y - n * ln2) + (s - 1);
  return f(d / (d + 2));
}

/** Beyond the limit the result is the same in float32. NaN stays. */
function clamp(y: number, limit: number): number {
  return y > limit ? limit : y < -limit ? -limit : y;
}
