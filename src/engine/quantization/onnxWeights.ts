import { roundHalfEven } from '../../core/fma';
import { observeRange } from './observers';

/**
 * Weights as onnxruntime.quantization.quantize_dynamic makes them: its arithmetic is NumPy's and
 * differs from PyTorch's in range, divisor and rounding. Source: compute_scale_zp and
 * quantize_nparray in onnxruntime/python/tools/quantization/quant_utils.py, 1.30.
 */
export interface OnnxWeightType {
  /** int8 is symmetric with zero point 0; uint8 is asymmetric. */
  readonly type: 'int8' | 'uint8';
  /** One bit less, for machines whose 16-bit sums of products saturate. */
  readonly reduceRange: boolean;
}

export interface OnnxQuantized {
  /** Bytes of int8 or uint8 codes, in the order of the values. */
  readonly codes: Uint8Array;
  readonly scale: number;
  readonly zeroPoint: number;
}

const f = Math.fround;
const smallestNormal = 2 ** -126;

function chosenRange({ type, reduceRange }: OnnxWeightType): readonly [number, number] {
  if (type === 'uint8') return reduceRange ? [0, 127] : [0, 255];
  return reduceRange ? [-64, 64] : [-127, 127];
}

/** `scale = (max − min) / (qmax − qmin)` in double, then float32; `code = round(value / scale) + zero point`. */
export function quantizeOnnxWeight(values: Float32Array, weightType: OnnxWeightType): OnnxQuantized {
  const signed = weightType.type === 'int8';
  const [qmin, qmax] = chosenRange(weightType);
  const { min, max } = values.length === 0 ? { min: 0, max: 0 } : observeRange(values);
  const most = Math.max(Math.abs(Math.min(min, 0)), Math.abs(Math.max(max, 0)));
  const [low, high] = signed ? [-most, most] : [Math.min(min, 0), Math.max(max, 0)];
  const exact = f(high - low) / (qmax - qmin);
  const tiny = exact < smallestNormal;
  const scale = tiny ? 1 : f(exact);
  const zeroPoint = tiny || signed ? 0 : roundHalfEven(qmin - low / exact);
  const [clipLow, clipHigh] = signed ? [-128, 127] : [0, 255];
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const code = roundHalfEven(f(values[i] / scale)) + zeroPoint;
    codes[i] = code < clipLow ? clipLow : code > clipHigh ? clipHigh : code;
  }
  return { codes, scale, zeroPoint };
}
