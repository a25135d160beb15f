import type { AbortCheck } from '../../core/abort';
import type { PackedLinear } from '../quantization/dynamicLinear';
import type { EngineSemantics } from '../quantization/engines';
import type { LayerKernels } from './layerKernels';
import type { StreamKernels } from './streamKernels';

/** A float32 weight [rows, columns] and its bias. */
export interface FloatWeight {
  readonly weight: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly bias: Float32Array | undefined;
}

/** One layer of an LSTM or GRU in one direction over a sequence x [steps, batch, in]. */
export interface RecurrentCall {
  readonly mode: 'LSTM' | 'GRU';
  readonly input: PackedLinear | FloatWeight;
  readonly hidden: PackedLinear | FloatWeight;
  readonly x: Float32Array;
  /** h and, for an LSTM, c before the first step: [batch, width]. The last states are written over them. */
  readonly h: Float32Array;
  readonly c: Float32Array;
  readonly steps: number;
  readonly batch: number;
  readonly width: number;
  readonly reverse: boolean;
  readonly abort: AbortCheck;
}

/**
 * The inner loops. `reference` is their specification; faster twins go behind the same table
 * and must give the same bits.
 */
export interface Kernels {
  /** For people: `reference`, `wasm simd`, `wasm relaxed simd`, `wasm relaxed simd dot4`. */
  readonly name: string;
  /** Threads that large products are divided among. */
  readonly threads: number;
  readonly streams: StreamKernels;
  readonly layers: LayerKernels;
  /**
   * Codes 0…255 of an activation: `out[i] = clamp(round(code(values[i])))`, ties to even.
   * Returns how many values were clamped.
   */
  quantizeActivation(
    values: Float32Array,
    scale: number,
    zeroPoint: number,
    engine: EngineSemantics,
    out: Uint8Array,
  ): number;
  /** `out[m, n] = Σ_k (codes[m, k] − zeroPoint) · weight[n, k]`, exact. */
  gemmInt8(
    codes: Uint8Array,
    zeroPoint: number,
    weight: Int8Array,
    m: number,
    n: number,
    k: number,
    out: Float64Array,
  ): void;
  /**
   * `out[m, n] = Σ_k x[m, k] · weight[n, k] + bias[n]` in float32, in the order of dotFloat.
   * `keep` says that the values of weight and bias never change and that they are used again: a copy in
   * the kernels' own memory may then outlive the call.
   */
  gemmFloat(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | undefined,
    m: number,
    n: number,
    k: number,
    out: Float32Array,
    keep?: boolean,
  ): void;
  /**
   * A whole dynamic linear product of x [m, k], or undefined where this kernel has none (a size that
   * does not fit, a NaN that the caller must report): the steps are then done one by one.
   */
  dynamicLinear?(packed: PackedLinear, x: Float32Array, m: number, abort: AbortCheck): Float32Array | undefined;
  /**
   * A whole layer with the portable σ and tanh: h of every step [steps, batch, width]. Undefined as above, the
   * states then untouched.
   */
  recurrentLayer?(call: RecurrentCall): Float32Array | undefined;
}
