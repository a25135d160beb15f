import { roundHalfEven } from '../../core/fma';
import { observeRange } from './observers';

/**
 * Activations as ONNX Runtime's DynamicQuantizeLinear quantizes them, and the fused operators that
 * hold one. Its arithmetic is float32 and not PyTorch's: the zero point is not nudged. Source:
 * GetQuantizationParameter in onnxruntime/core/util/qmath.h and MlasQuantizeLinear, 1.30.
 */

export interface OnnxActivation {
  /** As observed, without the 0 that the range is widened to. */
  readonly min: number;
  readonly max: number;
  readonly scale: number;
  readonly zeroPoint: number;
}

const f = Math.fround;

/** `scale = (max − min) / 255` over a range that holds 0, 1 where that is empty; `zero point = round(−min / scale)`. */
export function onnxActivation(values: Float32Array): OnnxActivation {
  const { min, max } = values.length === 0 ? { min: 0, max: 0 } : observeRange(values);
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = low === high ? 1 : f(f(high - low) / 255);
  const zeroPoint = roundHalfEven(Math.min(Math.max(f(-low / scale), 0), 255));
  return { min, max, scale, zeroPoint };
}

/** `code = round(value / scale) + zero point`, held to 0…255; `clamped` counts the values that met an end. */
export function onnxCodes(
  values: Float32Array,
  { scale, zeroPoint }: Pick<OnnxActivation, 'scale' | 'zeroPoint'>,
): { readonly codes: Uint8Array; readonly clamped: number; readonly codesUsed: number } {
  const codes = new Uint8Array(values.length);
  const used = new Uint8Array(256);
  let clamped = 0;
  for (let i = 0; i < values.length; i++) {
    const code = roundHalfEven(f(values[i] / scale)) + zeroPoint;
    const held = code < 0 ? 0 : code > 255 ? 255 : code;
    if (held !== code) clamped++;
    codes[i] = held;
    used[held] = 1;
  }
  return { codes, clamped, codesUsed: used.reduce((sum, one) => sum + one, 0) };
}
