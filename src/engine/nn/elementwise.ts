import type { FunctionName, LayerKernels } from '../kernels/layerKernels';
import { portableFunctions } from '../kernels/reference/portableFunctions';
import { type FloatTensor, floatTensor } from '../tensor/tensor';

/**
 * Activations that take each value by itself, in double and rounded once to float32.
 * Formulas: torch.nn.functional's documentation; constants of SELU from Klambauer et al., 2017.
 */
export type Elementwise = (x: number) => number;

/** Those that the kernels have. */
export const { relu, silu, gelu, geluTanh, sigmoid, tanh } = portableFunctions;
const kernelNames = new Map(Object.entries(portableFunctions).map(([name, f]) => [f, name as FunctionName]));

const clamp = (x: number, low: number, high: number) => (x < low ? low : x > high ? high : x);

export const relu6: Elementwise = (x) => clamp(x, 0, 6);
export const mish: Elementwise = (x) => x * Math.tanh(Math.log1p(Math.exp(x)));
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
export function mapValues(
  { data, shape }: FloatTensor,
  apply: Elementwise,
  { layers }: { readonly layers: LayerKernels },
): FloatTensor {
  const out = new Float32Array(data.length);
  const name = kernelNames.get(apply);
  if (name !== undefined) layers.activate(name, data, out);
  else for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(data[i]) ? Number.NaN : apply(data[i]);
  return floatTensor(out, shape);
}
