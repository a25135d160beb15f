import type { Kernels } from '../../kernels/kernels';
import type { FunctionName } from '../../kernels/layerKernels';

/**
 * Loops over float32, one of its own for each function: V8 compiles them to a few instructions an
 * element, where one loop for all would call its function for every element. Sums and products are
 * computed in double and rounded once, which gives what float32 arithmetic gives.
 */

/** `out[at + i] = a[at + i] op b[i]` for all of b, and the same with one number on the right. */
export interface BinaryLoop {
  rows(a: Float32Array, b: Float32Array, out: Float32Array, at: number): void;
  number(a: Float32Array, y: number, out: Float32Array): void;
}

export const add: BinaryLoop = {
  rows(a, b, out, at) {
    for (let i = 0; i < b.length; i++) out[at + i] = a[at + i] + b[i];
  },
  number(a, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] + y;
  },
};

export const sub: BinaryLoop = {
  rows(a, b, out, at) {
    for (let i = 0; i < b.length; i++) out[at + i] = a[at + i] - b[i];
  },
  number(a, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] - y;
  },
};

export const mul: BinaryLoop = {
  rows(a, b, out, at) {
    for (let i = 0; i < b.length; i++) out[at + i] = a[at + i] * b[i];
  },
  number(a, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] * y;
  },
};

export const div: BinaryLoop = {
  rows(a, b, out, at) {
    for (let i = 0; i < b.length; i++) out[at + i] = a[at + i] / b[i];
  },
  number(a, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] / y;
  },
};

/** `out = f(x)`, arrays of one length. */
export type UnaryLoop = (x: Float32Array, out: Float32Array, kernels: Kernels) => void;

/** A function that the kernels have. */
const kernelOf = (name: FunctionName): readonly [string, UnaryLoop] => [
  name,
  (x, out, kernels) => kernels.layers.activate(name, x, out),
];

export const unary: Readonly<Record<string, UnaryLoop>> = {
  ...Object.fromEntries((['sigmoid', 'tanh', 'silu', 'gelu', 'geluTanh'] as const).map(kernelOf)),
  relu: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = x[i] < 0 ? 0 : x[i];
  },
  neg: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = -x[i];
  },
  abs: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.abs(x[i]);
  },
  square: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = x[i] * x[i];
  },
  sqrt: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.sqrt(x[i]);
  },
  rsqrt: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = 1 / Math.sqrt(x[i]);
  },
  exp: (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(x[i]);
  },
};
