/** One quantization of an activation at run time: what was seen, and the scale that was chosen for it. */
export interface ActivationRecord {
  /** Path of the module. */
  readonly module: string;
  /** Name of the weight that the activation is multiplied with: `weight_hh_l0`. */
  readonly weight: string;
  /** Counts the forward passes of the module. */
  readonly call: number;
  /** Time step of a hidden state; 0 for inputs, which are quantized once a call. */
  readonly step: number;
  readonly min: number;
  readonly max: number;
  readonly scale: number;
  readonly zeroPoint: number;
  /** Values that met the clamp. */
  readonly clamped: number;
  /** Different codes that occur. */
  readonly codesUsed: number;
  /** Values quantized. */
  readonly count: number;
  /** Share of pairs of products that a 16-bit accumulator would have clipped; only where the tap asks for it. */
  readonly saturated16?: number;
}

/** Listens to a forward pass. `values` and `codes` are reused by the engine: copy what must stay. */
export interface Tap {
  /** Ask for `saturated16`, which costs about as much as the product itself. */
  readonly saturation?: boolean;
  activation(record: ActivationRecord, values: Float32Array, codes: Uint8Array): void;
}
