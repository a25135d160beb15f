import { portableSigmoid, portableTanh } from '../kernels/reference/portableActivations';
import { expf } from './expf';
import { sleefExp, sleefTanh } from './sleef';

/**
 * σ and tanh in float32, in the forms of different libraries. Their results differ by an ulp or
 * two, which is why a forward pass says whose it follows.
 */

/**
 * `portable`: a double polynomial, rounded; the same bits on every machine and in every kernel.
 * `sleef`: those of a PyTorch built on SLEEF without MKL, such as Debian's 1.13, bit for bit.
 */
export type ActivationForm = 'portable' | 'sleef';

export interface Activations {
  /** `1 / (1 + exp(−x))`. `vectorized` says whether PyTorch has x in a vector register: see vectorEnd. */
  sigmoid(x: number, vectorized: boolean): number;
  tanh(x: number): number;
}

const f = Math.fround;

/** Values that one step of PyTorch's AVX2 loops takes: two registers of eight. */
const vectorStep = 16;

/** In a row of `length` contiguous values, where PyTorch's vector loop ends and its scalar tail begins. */
export function vectorEnd(length: number): number {
  return length - (length % vectorStep);
}

export const sigmoid = portableSigmoid;
export const tanh = portableTanh;

/**
 * aten/src/ATen/native/cpu/UnaryOpsKernel.cpp: the vector loop calls SLEEF's exp and the tail
 * the C library's; tanh is SLEEF's for every value.
 */
const sleef: Activations = {
  sigmoid: (x, vectorized) => f(1 / f(1 + (vectorized ? sleefExp(0 - x) : expf(0 - x)))),
  tanh: sleefTanh,
};

export const activationForms: Readonly<Record<ActivationForm, Activations>> = { portable: { sigmoid, tanh }, sleef };
