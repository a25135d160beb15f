import { fma32 } from '../../core/fma';

/**
 * The arithmetic in which PyTorch's quantized engines differ: how an activation is rounded, and
 * how an int32 sum becomes a float again. Weights are the same in all of them.
 */
export type QuantizedEngine = 'fbgemm' | 'x86' | 'onednn' | 'qnnpack' | EngineVariant;

/**
 * An engine as one PyTorch has it: `onednn2` in 1.13, `onednnAvx512` is oneDNN 3 where it finds
 * AVX-512, `qnnpackX86` is in every build that has FBGEMM too.
 */
export type EngineVariant = 'onednn2' | 'onednnAvx512' | 'qnnpackX86';

/** The engines that a person chooses from, each in its current form. */
export const quantizedEngines: readonly QuantizedEngine[] = ['fbgemm', 'x86', 'onednn', 'qnnpack'];

export interface EngineSemantics {
  /** 7 bits for activations: codes 0…127 span the range (128 can still occur by rounding). */
  readonly reduceRange: boolean;
  /** The factor that `code` takes: computed once for each tensor. */
  inverse(scale: number): number;
  /** An activation before rounding to an integer; it is then rounded to even and clamped to 0…255. */
  code(value: number, inverse: number, zeroPoint: number): number;
  /** Where the sum is multiplied with the input's scale first, by itself; `multiplier` is the weight's part then. */
  readonly inputFactor?: (scale: number) => number;
  /** The factor of one output channel. */
  multiplier(scale: number, weightScale: number): number;
  /** An output from its int32 sum, already float32. */
  output(sum: number, multiplier: number, bias: number): number;
  /** The same for a Linear without bias. */
  outputWithoutBias(sum: number, multiplier: number): number;
}

const f = Math.fround;

/**
 * FBGEMM on AVX2: QuantizeAvx2 computes fma(x, 1/scale, zeroPoint); the output's multiply and
 * add are contracted to one fma (fbgemm/OutputProcessing-inl.h, ReQuantizeForFloat).
 */
const fbgemm: EngineSemantics = {
  reduceRange: true,
  inverse: (scale) => f(1 / f(scale)),
  code: (value, inverse, zeroPoint) => Math.min(fma32(value, inverse, zeroPoint), 2147483520),
  multiplier: (scale, weightScale) => f(f(scale) * f(weightScale)),
  output: (sum, multiplier, bias) => fma32(sum, multiplier, bias),
  outputWithoutBias: (sum, multiplier) => f(sum * multiplier),
};

/**
 * oneDNN 3: the reorder rounds x·s and then adds the zero point; source and weight scales are
 * handed over as reciprocals, and both are inverted again in float32.
 */
const onednn: EngineSemantics = {
  reduceRange: true,
  inverse: (scale) => f(1 / scale),
  code: (value, inverse, zeroPoint) => f(f(value * inverse) + zeroPoint),
  multiplier: (scale, weightScale) => f(f(1 / f(1 / scale)) * f(1 / f(1 / weightScale))),
  output: (sum, multiplier, bias) => f(f(sum * multiplier) + bias),
  outputWithoutBias: (sum, multiplier) => f(sum * multiplier),
};

/** oneDNN 3 on AVX-512: the two scales are multiplied with the sum one after the other. */
const onednnAvx512: EngineSemantics = {
  ...onednn,
  inputFactor: (scale) => f(1 / f(1 / scale)),
  multiplier: (_, weightScale) => f(1 / f(1 / weightScale)),
};

/**
 * oneDNN 2.6: the sum is divided by the product of the inverted scales, after the bias was
 * multiplied with it. Rounds activations as oneDNN 3 does.
 */
const onednn2: EngineSemantics = {
  ...onednn,
  multiplier: (scale, weightScale) => f(f(1 / scale) * f(1 / weightScale)),
  output: (sum, multiplier, bias) => f(f(sum + f(bias * multiplier)) * f(1 / multiplier)),
  outputWithoutBias: (sum, multiplier) => f(sum * f(1 / multiplier)),
};

/** QNNPACK: rounds x/scale before it adds the zero point, and ignores reduce_range. */
const qnnpack: EngineSemantics = {
  reduceRange: false,
  inverse: (scale) => f(1 / f(scale)),
  // Adding an integer after rounding is the same as rounding x·inverse alone, then shifting.
  code: (value, inverse, zeroPoint) => roundProduct(value, inverse) + zeroPoint,
  multiplier: (scale, weightScale) => f(f(weightScale) * f(scale)),
  output: (sum, multiplier, bias) => f(f(sum * multiplier) + bias),
  outputWithoutBias: (sum, multiplier) => f(sum * multiplier),
};

function roundProduct(value: number, inverse: number): number {
  const product = f(value * inverse);
  const floor = Math.floor(product);
  const rest = product - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** QNNPACK in a PyTorch that has FBGEMM: at::quantize_per_tensor, which it calls, is FBGEMM's then. */
const qnnpackX86: EngineSemantics = { ...qnnpack, code: fbgemm.code };

export const engineSemantics: Readonly<Record<QuantizedEngine, EngineSemantics>> = {
  fbgemm,
  // PyTorch 2's default name: linear weights are packed by FBGEMM (qlinear_prepack.cpp), only convolutions may go to oneDNN.
  x86: fbgemm,
  onednn,
  qnnpack,
  onednn2,
  onednnAvx512,
  qnnpackX86,
};

/** An int32 sum as float32, as the multiplier takes it. */
export function scaledSum({ inputFactor }: EngineSemantics, sum: number, scale: number): number {
  return inputFactor === undefined ? f(sum) : f(f(sum) * inputFactor(scale));
}
