import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { erf } from './erf';

/**
 * Activations that take each value by itself, in double and rounded once to float32.
 * Formulas: torch.nn.functional's documentation; constants of SELU from Klambauer et al., 2017.
 */
export type Elementwise = (x: number) => number;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number) => (x < low ? low : x > high ? high : x);
const geluScale = Math.sqrt(2 / Math.PI);

export const relu: Elementwise = (x) => (x <= 0 ? 0 : x);
export const relu6: Elementwise = (x) => clamp(x, 0, 6);
export const silu: Elementwise = (x) => x * sigmoid(x);
export const mish: Elementwise = (x) => x * Math.tanh(Math.log1p(Math.exp(x)));
export const sigmoidOf: Elementwise = sigmoid;
export const tanhOf: Elementwise = Math.tanh;
/** x · Φ(x) with the normal distribution's Φ. */
export const gelu: Elementwise = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
export const geluTanh: Elementwise = (x) => 0.5 * x * (1 + Math.tanh(geluScale * (x + 0.044715 * x * x * x)));
export const hardswish: Elementwise = (x) => (x * clamp(x + 3, 0, 6)) / 6;
export const hardsigmoid: Elementwise = (x) => clamp(x + 3, 0, 6) / 6;
export const logSigmoid: Elementwise = (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
export const softsign: Elementwise = (x) => x / (1 + Math.abs(x));
export const tanhshrink: Elementwise = (x) => x - Math.tanh(x);
export const selu: Elementwise = (x) =>
  1.0507009873554804934193349852946 * (x > 0 ? x : 1.6732632423543772848170429916717 * Math.expm1(x));
export const leakyRelu =
  (slope: number): Elementwise =>
  (x) =>
    x >= 0 ? x : x * slope;
export const elu =
  (alpha: number): Elementwise =>
  (x) =>
    x > 0 ? x : alpha * Math.expm1(x);
export const celu =
  (alpha: number): Elementwise =>
  (x) =>
    x > 0 ? x : alpha * Math.expm1(x / alpha);
/** log(1 + exp(βx)) / β, and x itself beyond the threshold. */
export const softplus =
  (beta: number, threshold: number): Elementwise =>
  (x) =>
    x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta;
export const hardtanh =
  (low: number, high: number): Elementwise =>
  (x) =>
    clamp(x, low, high);
export const hardshrink =
  (lambda: number): Elementwise =>
  (x) =>
    x >= -lambda && x <= lambda ? 0 : x;
export const softshrink =
  (lambda: number): Elementwise =>
  (x) =>
    x > lambda ? x - lambda : x < -lambda ? x + lambda : 0;
export const threshold =
  (limit: number, value: number): Elementwise =>
  (x) =>
    x <= limit ? value : x;

/** `apply` of every value; NaN stays NaN. */
export function mapValues({ data, shape }: FloatTensor, apply: Elementwise): FloatTensor {
  const out = new Float32Array(data.length);
  // The commonest by far, without a call for each value.
  if (apply === relu) for (let i = 0; i < out.length; i++) out[i] = data[i] <= 0 ? 0 : data[i];
  else for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(data[i]) ? Number.NaN : apply(data[i]);
  return floatTensor(out, shape);
}
