import type { EngineSemantics } from '../quantization/engines';

/**
 * The inner loops. `reference` is their specification; faster twins go behind the same table
 * and must give the same bits.
 */
export interface Kernels {
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
  /** `out[m, n] = Σ_k x[m, k] · weight[n, k] + bias[n]`: summed in double, rounded once to float32. */
  gemmFloat(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | undefined,
    m: number,
    n: number,
    k: number,
    out: Float32Array,
  ): void;
}
