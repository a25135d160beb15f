import { invalid } from '../../core/errors';
import { roundHalfEven } from '../../core/fma';

/** How values map to integers: `value = scale · (code − zeroPoint)`. */
export interface QParams {
  readonly scale: number;
  readonly zeroPoint: number;
}

const f = Math.fround;

/** Smallest scale of an activation: below it, products of two scales could vanish. */
const smallScale = f(6.1e-5);

/**
 * Scale and zero point of an activation whose values lie in [min, max], both float32.
 *
 *     scale = (max(max, 0) − min(min, 0)) / (qmax − qmin)        in double
 *     zeroPoint = qmin − min/scale  or  qmax − max/scale, whichever is the more exact, rounded to even
 *
 * With `reduceRange` the codes are 0…127 instead of 0…255: fbgemm and onednn keep a bit free so
 * that two products fit 16 bits. Source: quant_utils::ChooseQuantizationParams in
 * aten/src/ATen/native/quantized/cpu/QuantUtils.h, without preserve_sparsity, which no dynamic
 * operator sets.
 */
export function chooseQParams(min: number, max: number, reduceRange: boolean): QParams {
  if (!(min <= max)) {
    throw invalid('E_NAN_INPUT', 'In ChooseQuantizationParams, min should be less than or equal to max', {
      hint: 'The input of this module contains NaN.',
    });
  }
  const qmax = reduceRange ? 127 : 255;
  let low = Math.min(min, 0);
  let high = Math.max(max, 0);
  let scale = (high - low) / qmax;
  if (f(scale) === 0 || !Number.isFinite(f(1 / f(scale)))) scale = 0.1;
  if (scale < smallScale) {
    const original = f(scale);
    scale = smallScale;
    if (low === 0) high = f(smallScale * qmax);
    else if (high === 0) low = f(-smallScale * qmax);
    else {
      const amplifier = f(smallScale / original);
      low = f(low * amplifier);
      high = f(high * amplifier);
    }
  }
  const fromMin = 0 - low / scale;
  const fromMax = qmax - high / scale;
  // The errors are differences of magnitudes, as in PyTorch's copy of this function; FBGEMM's adds.
  const errorFromMin = -Math.abs(low / scale);
  const errorFromMax = qmax - Math.abs(high / scale);
  const initial = errorFromMin < errorFromMax ? fromMin : fromMax;
  const zeroPoint = initial < 0 ? 0 : initial > qmax ? qmax : roundHalfEven(initial);
  return { scale, zeroPoint };
}

const epsilon = 2 ** -23;

/**
 * Symmetric scale of int8 weights whose values lie in [min, max]; the zero point is 0.
 *
 *     scale = max(max(−min, max, 0) / 127.5, 2^-23)              in float32
 *
 * Source: torch/ao/quantization/observer.py, UniformQuantizationObserverBase._calculate_qparams
 * with qscheme per_tensor_symmetric, dtype qint8, quant_min −128, quant_max 127.
 */
export function symmetricScale(min: number, max: number): number {
  if (!(min <= max)) {
    throw invalid('E_NAN_WEIGHT', 'min nan should be less than max nan', {
      hint: 'This weight contains NaN; it cannot be quantized.',
    });
  }
  const amplitude = Math.max(-Math.min(min, 0), Math.max(max, 0));
  return Math.max(f(amplitude / 127.5), epsilon);
}
