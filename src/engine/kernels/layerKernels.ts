import type { AbortCheck } from '../../core/abort';

/** Functions of one value; reference/portableFunctions.ts has their formulas. */
export type FunctionName = 'relu' | 'sigmoid' | 'tanh' | 'silu' | 'gelu' | 'geluTanh';

/** What normalizes rows: with `centered` false their mean is taken for 0, as RMSNorm does. */
export interface Norm {
  readonly size: number;
  readonly eps: number;
  readonly centered: boolean;
  /** Factor and addend of each column. */
  readonly weight: Float32Array | undefined;
  readonly bias: Float32Array | undefined;
}

/** All heads of an attention; queries are [target, batch, heads · width], keys and values [source, batch, heads · width]. */
export interface AttentionCall {
  readonly query: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly heads: number;
  readonly width: number;
  readonly batch: number;
  readonly target: number;
  readonly source: number;
  readonly mask: AttentionMask;
  readonly abort: AbortCheck;
}

/** Float masks that are added to the scores. */
export interface AttentionMask {
  /** [target, source], or with `perHead` [batch · heads, target, source]. */
  readonly shared: Float32Array | undefined;
  readonly perHead: boolean;
  /** [batch, source]. */
  readonly padding: Float32Array | undefined;
}

export interface AttentionResult {
  /** [target, batch, heads · width]. */
  readonly output: Float32Array;
  /** The heads' mean: [batch, target, source]. */
  readonly weights: Float32Array;
}

/** What lies between the products of a layer. Values are computed in double and rounded once. */
export interface LayerKernels {
  /** `out[i] = f(x[i])`; both may be the same array. */
  activate(name: FunctionName, x: Float32Array, out: Float32Array): void;
  /** The softmax of each row of `size` values. */
  softmax(x: Float32Array, size: number, out: Float32Array): void;
  /** `(x − mean) / √(variance + eps) · weight + bias` of each row; the variance is biased. */
  normalize(x: Float32Array, norm: Norm, out: Float32Array): void;
  /** `softmax(q kᵀ / √width + mask) v` of every head, the products in the order of dotFloat. */
  attention(call: AttentionCall): AttentionResult;
}
