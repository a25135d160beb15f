import { invalid } from '../../core/errors';
import { float16ToNumber, numberToFloat16 } from '../../core/floatFormats';
import { fma32, roundHalfEven } from '../../core/fma';
import { observeRange } from './observers';

/** quint8, or quint4x2: two codes a byte. */
export type EmbeddingBits = 8 | 4;

/**
 * A table [rows, width] in PyTorch's per_channel_affine_float_qparams: every row has a scale and
 * a zero point that is a float, `value = (code − zeroPoint) · scale`.
 */
export interface QuantizedTable {
  readonly bits: EmbeddingBits;
  readonly rows: number;
  readonly width: number;
  /** One code a byte, also for 4 bits. */
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
}

const f = Math.fround;
const epsilon = 2 ** -23;

/**
 * Quantizes the rows of an Embedding or EmbeddingBag:
 *
 *     scale = (max − min) / (2^bits − 1), or 1 where that is 2^-23 or less
 *     zeroPoint = −min / scale                                     not rounded
 *     code = clamp(round(value · (1/scale) + zeroPoint), 0, 2^bits − 1)
 *
 * All in float32, the product and the sum rounded separately. The range is not widened to hold
 * zero. Source: torch/ao/quantization/observer.py with qscheme
 * per_channel_affine_float_qparams, and quantize_tensor_per_channel_float_qparams in
 * aten/src/ATen/native/quantized/AffineQuantizer.cpp.
 */
export function quantizeEmbedding(
  weight: Float32Array,
  rows: number,
  width: number,
  bits: EmbeddingBits,
): QuantizedTable {
  if (bits === 4 && width % 2 !== 0) {
    throw invalid(
      'E_ODD_WIDTH',
      `A 4-bit embedding needs an even embedding_dim, not ${width}: two codes share a byte.`,
    );
  }
  const largest = 2 ** bits - 1;
  const codes = new Uint8Array(weight.length);
  const scales = new Float32Array(rows);
  const zeroPoints = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * width, (row + 1) * width];
    const { scale, zeroPoint } = rowQParams(weight, start, end, largest);
    scales[row] = scale;
    zeroPoints[row] = zeroPoint;
    const inverse = f(1 / scale);
    for (let i = start; i < end; i++) {
      const code = roundHalfEven(f(f(weight[i] * inverse) + zeroPoint));
      codes[i] = code < 0 ? 0 : code > largest ? largest : code;
    }
  }
  return { bits, rows, width, codes, scales, zeroPoints };
}

function rowQParams(weight: Float32Array, start: number, end: number, largest: number) {
  const { min, max } = observeRange(weight.subarray(start, end));
  if (!(min <= max)) {
    throw invalid('E_NAN_WEIGHT', 'min nan should be less than max nan', {
      hint: 'This weight contains NaN; it cannot be quantized.',
    });
  }
  const span = f(f(max - min) / largest);
  const scale = span > epsilon ? span : 1;
  return { scale, zeroPoint: f(-min / scale) };
}

/** The bytes of quint4x2: the even element in the low half. For 8 bits the codes themselves. */
export function packedCodes({ bits, codes }: QuantizedTable): Uint8Array {
  if (bits === 8) return codes;
  return Uint8Array.from({ length: codes.length / 2 }, (_, i) => codes[2 * i] | (codes[2 * i + 1] << 4));
}

/** What a lookup multiplies a row's codes with and adds to them; 4-bit tables keep both as float16. */
export function rowFactors(
  { bits, scales, zeroPoints }: QuantizedTable,
  row: number,
): { readonly scale: number; readonly bias: number } {
  const scale = scales[row];
  const bias = f(-f(zeroPoints[row] * scale));
  return bits === 8 ? { scale, bias } : { scale: asHalf(scale), bias: asHalf(bias) };
}

function asHalf(value: number): number {
  return float16ToNumber(numberToFloat16(value));
}

/**
 * One row as floats: `fma(scale, code, bias)`. Source: fbgemm's EmbeddingSpMDM, which
 * quantized::embedding_byte and embedding_4bit call.
 */
export function lookUp(table: QuantizedTable, row: number): Float32Array {
  const { scale, bias } = rowFactors(table, row);
  const codes = table.codes.subarray(row * table.width, (row + 1) * table.width);
  return Float32Array.from(codes, (code) => fma32(scale, code, bias));
}

/**
 * Adds a row to a bag: `acc = fma(w · scale, code, acc + w · bias)`, w being the row's weight or
 * 1. A quantized EmbeddingBag always sums, whatever the mode of the float one was.
 */
export function addRow(table: QuantizedTable, row: number, weight: number, bag: Float32Array): void {
  const factors = rowFactors(table, row);
  const scale = f(weight * factors.scale);
  const bias = f(weight * factors.bias);
  const start = row * table.width;
  for (let i = 0; i < bag.length; i++) bag[i] = fma32(scale, table.codes[start + i], f(bag[i] + bias));
}
