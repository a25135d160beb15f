/**
 * σ and tanh in float32, portable: the double functions of the JavaScript engine, rounded.
 * PyTorch uses SLEEF or MKL; tanh differs from those by at most 1 ulp, σ by 2.
 */

const f = Math.fround;

/** `1 / (1 + exp(−x))`, with the exponential, the sum and the quotient rounded to float32. */
export function sigmoid(x: number): number {
  return f(1 / f(1 + f(Math.exp(-x))));
}

export function tanh(x: number): number {
  return f(Math.tanh(x));
}
