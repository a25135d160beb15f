import type { FunctionName } from '../layerKernels';
import { exponentialLessOne, ln2, log2e, magic, portableTanh, scaled } from './portableActivations';

/**
 * Functions in double that are the same on every machine: sums, products and quotients alone, in the
 * order that the vector kernels have. Whoever wants a float32 rounds once.
 */

/** Beyond it e^x is taken for 0 or infinity: as a float32 it is that long before. */
const limit = 700;

/** e^x, with a relative error below 3e-13. */
export function portableExp(x: number): number {
  if (x > limit) return Number.POSITIVE_INFINITY;
  if (x < -limit) return 0;
  const n = x * log2e + magic - magic;
  return scaled(1 + exponentialLessOne(x - n * ln2), n);
}

/** Where (y − 3) / (y + 3) is 0. */
const middle = 3;

/**
 * `(1 + 2y) · exp(y²) · erfc(y)` as a polynomial in t = (y − 3) / (y + 3), from the constant up: the interpolant
 * at Chebyshev's points of y from 0 to 10, relative error below 6e-11. After M. Shepherd and J. Laframboise,
 * "Chebyshev approximation of (1 + 2x) exp(x²) erfc x", 1981.
 */
const c = [
  1.2530080582394574, -0.13562110665569863, -0.04756229020461589, 0.12964519143333791, -0.11927373958455878,
  0.06830744117450785, -0.02377030952721432, 0.0025336427233478716, 0.0018916384595721095, -0.0007921501195649666,
  -0.00012388107148558007, 0.00013116394026136392, 3.470618381744089e-5,
];

/** Half of erfc(|x| / √2): the share of the normal distribution beyond |x|. */
function tail(x: number): number {
  const y = Math.min(Math.abs(x) * Math.SQRT1_2, 40);
  const far = y + middle;
  const ends = 1 + (y + y);
  const inverse = 1 / (far * ends);
  const t = (y - middle) * ends * inverse;
  const t2 = t * t;
  const t4 = t2 * t2;
  const low = c[0] + t * c[1] + t2 * (c[2] + t * c[3]) + t4 * (c[4] + t * c[5] + t2 * (c[6] + t * c[7]));
  const high = c[8] + t * c[9] + t2 * (c[10] + t * c[11]) + t4 * c[12];
  return 0.5 * ((low + t4 * t4 * high) * (far * inverse) * portableExp(0 - y * y));
}

export const portableFunctions: Readonly<Record<FunctionName, (x: number) => number>> = {
  relu: (x) => (x <= 0 ? 0 : x),
  sigmoid: (x) => 1 / (1 + portableExp(0 - x)),
  tanh: portableTanh,
  silu: (x) => x / (1 + portableExp(0 - x)),
  /** x · Φ(x) with the normal distribution's Φ. */
  gelu: (x) => x * (x < 0 ? tail(x) : 1 - tail(x)),
  /** `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`, which is x · σ of twice the argument. */
  geluTanh: (x) => x / (1 + portableExp(0 - 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * (x * x * x)))),
};
