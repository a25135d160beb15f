import { fma32, roundHalfEven } from '../../core/fma';

/**
 * float32 exp and tanh with the bits of SLEEF 3.5's Sleef_expf8_u10avx2 and Sleef_tanhf8_u10avx2
 * (within 1 ulp), which PyTorch's vector loops call. Every operation is float32.
 *
 * After SLEEF, sleefsimdsp.c and df.h, copyright Naoki Shibata and contributors, distributed
 * under the Boost Software License 1.0. tanh works on pairs: a value is the sum of two float32,
 * `hi + lo`.
 */

const f = Math.fround;

const log2e = f(Math.LOG2E);
const ln2Hi = f(0.693145751953125);
const ln2Lo = f(1.428606765330187045e-6);

/** d · 2^q in two factors, so that neither overflows: q within ±250. */
function scaleByPowerOfTwo(d: number, q: number): number {
  const half = Math.floor(q / 2);
  return f(f(d * 2 ** half) * 2 ** (q - half));
}

const expPolynomial = [
  1.98527617612853646e-4, 1.39304355252534151e-3, 8.33336077630519867e-3, 4.16664853692054749e-2,
  1.66666671633720398e-1, 0.5,
].map(f);

export function sleefExp(x: number): number {
  if (x < -104) return 0;
  if (x > 100) return Number.POSITIVE_INFINITY;
  if (Number.isNaN(x)) return Number.NaN;
  const q = roundHalfEven(f(x * log2e));
  const s = fma32(q, -ln2Lo, fma32(q, -ln2Hi, x));
  let u = expPolynomial[0];
  for (let i = 1; i < expPolynomial.length; i++) u = fma32(u, s, expPolynomial[i]);
  u = f(1 + fma32(f(s * s), u, s));
  return scaleByPowerOfTwo(u, q);
}

/** `hi + lo`, two float32. */
interface Pair {
  readonly hi: number;
  readonly lo: number;
}

/** a + y, for a float y: the error of the sum (TwoSum) joins lo. */
function addFloat(a: Pair, y: number): Pair {
  const hi = f(a.hi + y);
  const v = f(hi - a.hi);
  return { hi, lo: f(f(f(a.hi - f(hi - v)) + f(y - v)) + a.lo) };
}

function addPair(a: Pair, b: Pair): Pair {
  const hi = f(a.hi + b.hi);
  const v = f(hi - a.hi);
  return { hi, lo: f(f(f(a.hi - f(hi - v)) + f(b.hi - v)) + f(a.lo + b.lo)) };
}

/** a + b where |a| ≥ |b| (FastTwoSum). */
function addOrdered(a: Pair, b: Pair): Pair {
  const hi = f(a.hi + b.hi);
  return { hi, lo: f(f(f(f(a.hi - hi) + b.hi) + a.lo) + b.lo) };
}

function multiplyFloat(a: Pair, y: number): Pair {
  const hi = f(a.hi * y);
  return { hi, lo: fma32(a.lo, y, fma32(a.hi, y, -hi)) };
}

function multiply(a: Pair, b: Pair): Pair {
  const hi = f(a.hi * b.hi);
  return { hi, lo: fma32(a.hi, b.lo, fma32(a.lo, b.hi, fma32(a.hi, b.hi, -hi))) };
}

function square(a: Pair): Pair {
  const hi = f(a.hi * a.hi);
  return { hi, lo: fma32(f(a.hi + a.hi), a.lo, fma32(a.hi, a.hi, -hi)) };
}

function reciprocal(d: Pair): Pair {
  const hi = f(1 / d.hi);
  return { hi, lo: f(hi * fma32(-d.lo, hi, fma32(-d.hi, hi, 1))) };
}

function divide(n: Pair, d: Pair): Pair {
  const t = f(1 / d.hi);
  const hi = f(n.hi * t);
  const u = fma32(t, n.hi, -hi);
  const v = fma32(-d.lo, t, fma32(-d.hi, t, 1));
  return { hi, lo: fma32(hi, v, fma32(n.lo, t, u)) };
}

const pairPolynomial = [1.980960224e-4, 1.394256484e-3, 8.333456703e-3, 4.166637361e-2].map(f);
const sixth = f(0.166666659414234244790680580464);

/** exp of a float as a pair. */
function expPair(x: number): Pair {
  const q = roundHalfEven(f(x * log2e));
  const s = addFloat(addFloat({ hi: x, lo: 0 }, f(q * -ln2Hi)), f(q * -ln2Lo));
  let u = pairPolynomial[0];
  for (let i = 1; i < pairPolynomial.length; i++) u = fma32(u, s.hi, pairPolynomial[i]);
  let t = addFloat(multiplyFloat(s, u), sixth);
  t = addFloat(multiply(s, t), 0.5);
  t = addPair(s, multiply(square(s), t));
  t = addOrdered({ hi: 1, lo: 0 }, t);
  return { hi: scaleByPowerOfTwo(t.hi, q), lo: scaleByPowerOfTwo(t.lo, q) };
}

/** Beyond this, tanh is 1 in float32. */
const saturation = f(8.664339742);

export function sleefTanh(x: number): number {
  const magnitude = Math.abs(x);
  if (Number.isNaN(x)) return Number.NaN;
  if (magnitude > saturation) return Math.sign(x);
  const e = expPair(magnitude);
  const r = reciprocal(e);
  const quotient = divide(addOrdered(e, { hi: -r.hi, lo: -r.lo }), addOrdered(e, r));
  const value = f(quotient.hi + quotient.lo);
  return x < 0 || Object.is(x, -0) ? -value : value;
}
