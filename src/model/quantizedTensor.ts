import type { AbortCheck } from '../core/abort';
import { malformed, QuantscopeError } from '../core/errors';
import { isContiguous, numel } from '../core/shape';
import { tensorFromBytes, tensorOver, toFloat32 } from '../engine/tensor/tensor';
import type { TensorRecord } from '../formats/types';
import type { StoredQuantizationDto } from '../protocol/tensorDto';
import type { Model, ModelTensor } from './openModel';

/** Scale and zero point of a tensor that the file holds quantized: one of each, or one a channel. */
export interface StoredQuantization {
  readonly scheme: 'per_tensor' | 'per_channel';
  readonly axis: number | null;
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** PyTorch's name of the scheme. */
  readonly qscheme: 'per_tensor_affine' | 'per_channel_affine' | 'per_channel_affine_float_qparams';
}

export async function storedQuantization(
  model: Model,
  { quantization }: TensorRecord,
  abort: AbortCheck,
): Promise<StoredQuantization | undefined> {
  if (quantization === undefined) return undefined;
  if (quantization.scheme === 'per_tensor') {
    const { scale, zeroPoint } = quantization;
    return { scheme: 'per_tensor', axis: null, scales: [scale], zeroPoints: [zeroPoint], qscheme: 'per_tensor_affine' };
  }
  const { axis, scales, zeroPoints } = quantization;
  return {
    scheme: 'per_channel',
    axis,
    scales: soundScales(await channelNumbers(model, scales, abort)),
    zeroPoints: await channelNumbers(model, zeroPoints, abort),
    qscheme: qschemeOf({ quantization }) ?? 'per_channel_affine',
  };
}

/** PyTorch's name of a record's scheme: float zero points are tagged per_channel_affine in the file. */
export function qschemeOf({
  quantization,
}: Pick<TensorRecord, 'quantization'>): StoredQuantization['qscheme'] | undefined {
  if (quantization === undefined) return undefined;
  if (quantization.scheme === 'per_tensor') return 'per_tensor_affine';
  const { zeroPoints } = quantization;
  const float = 'storage' in zeroPoints ? zeroPoints.dtype.startsWith('float') : !zeroPoints.every(Number.isInteger);
  return float ? 'per_channel_affine_float_qparams' : 'per_channel_affine';
}

/** Scales that stand in a storage are only seen now. */
function soundScales(scales: readonly number[]): readonly number[] {
  const at = scales.findIndex((scale) => !(Number.isFinite(scale) && scale > 0));
  if (at < 0) return scales;
  throw malformed('E_PT_QPARAMS', `The scale of channel ${at} is not a positive number.`, {
    found: String(scales[at]),
    expected: 'a finite number above 0',
    hint: 'The file was damaged, or its quantization went wrong; quantize the model again.',
  });
}

async function channelNumbers(
  model: Model,
  numbers: TensorRecord | readonly number[],
  abort: AbortCheck,
): Promise<readonly number[]> {
  if (!('storage' in numbers)) return numbers;
  const { data } = tensorFromBytes(await model.file.readTensor(numbers, abort), numbers.dtype, numbers.shape);
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/**
 * The float32 values that `dequantize()` gives: (code - zero point) · scale. PyTorch multiplies in
 * float32 per tensor and for float zero points, in double per channel. `channel` of an element is
 * its index along the axis.
 */
export function dequantize(
  codes: Float32Array,
  shape: readonly number[],
  { scales, zeroPoints, axis, qscheme }: StoredQuantization,
): Float32Array {
  const values = new Float32Array(codes.length);
  const inner = axis === null ? codes.length : numel(shape.slice(axis + 1));
  const channels = axis === null ? 1 : shape[axis];
  const factors = qscheme === 'per_channel_affine' ? scales : scales.map(Math.fround);
  for (let i = 0; i < codes.length; i++) {
    const channel = axis === null ? 0 : Math.floor(i / inner) % channels;
    const shifted = Math.fround(codes[i] - Math.fround(zeroPoints[channel]));
    values[i] = shifted * factors[channel];
  }
  return values;
}

/** A stored tensor's codes, as `int_repr()` gives them. Errors name the tensor. */
export async function readCodes(model: Model, tensor: ModelTensor, abort: AbortCheck): Promise<Float32Array> {
  try {
    const bytes = await model.file.readTensor(tensor.record, abort);
    return toFloat32(tensorOver(bytes, tensor.dtype, tensor.shape));
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    const { details } = error;
    throw new QuantscopeError({ ...details, where: { file: model.fileName, ...details.where, tensor: tensor.name } });
  }
}

const shownCodes = 8;

/** Scales, zero points and codes of a tensor that the file holds quantized. */
export function describeStored(stored: StoredQuantization, codes: Float32Array): StoredQuantizationDto {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const code of codes) {
    if (code < min) min = code;
    if (code > max) max = code;
  }
  return {
    ...stored,
    intRepr: [...codes.subarray(0, shownCodes)],
    codeRange: codes.length === 0 ? null : { min, max },
  };
}

/** The same without the range, from the first codes alone: reads a few bytes, not the tensor. */
export async function sampleStored(
  model: Model,
  { record, numel: count }: ModelTensor,
  abort: AbortCheck,
): Promise<StoredQuantizationDto | null> {
  try {
    const stored = await storedQuantization(model, record, abort);
    if (stored === undefined) return null;
    const length = Math.min(count, shownCodes);
    const contiguous = isContiguous(record.shape, record.strides);
    const head = contiguous ? { ...record, shape: [length], strides: [1] } : record;
    const bytes = await model.file.readTensor(head, abort);
    const codes = toFloat32(tensorFromBytes(bytes, record.dtype, head.shape));
    return { ...stored, intRepr: [...codes.subarray(0, length)], codeRange: null };
  } catch (error) {
    // A tensor that cannot be read says so where it is looked at.
    if (error instanceof QuantscopeError && error.details.kind !== 'aborted') return null;
    throw error;
  }
}
