import { type DType, dtypes } from '../../core/dtype';
import { itemsOf } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { PickleGlobal, PickleList, PickleTuple, type PickleValue } from '../pickle/types';
import type { Quantization, TensorRecord } from '../types';
import { integer } from './arguments';
import { Problem } from './problem';

/** Codes of the quantized dtypes; a zero point outside cannot have been chosen. */
const codeRanges: Partial<Record<DType, readonly [number, number]>> = {
  qint8: [-128, 127],
  quint8: [0, 255],
  quint4x2: [0, 15],
  quint2x4: [0, 3],
};

/**
 * (torch.per_tensor_affine, scale, zero point) or (torch.per_channel_affine, scales, zero points,
 * axis). `rebuild` makes a tensor of scales or zero points.
 */
export function quantization(
  value: PickleValue | undefined,
  tensor: TensorRecord,
  rebuild: (value: PickleValue) => TensorRecord | undefined,
): Quantization {
  if (dtypes[tensor.dtype].kind !== 'quantized') {
    throw new Problem('E_PT_QPARAMS', `A tensor of ${tensor.dtype} cannot have a scale.`, {
      found: tensor.dtype,
      expected: 'a quantized dtype',
    });
  }
  const items = value instanceof PickleTuple ? value.items : [];
  const scheme = items[0] instanceof PickleGlobal ? items[0].fullName : kindOf(items[0] ?? null);
  if (/^torch\.per_tensor_(affine|symmetric)$/.test(scheme)) return perTensor(items, tensor.dtype);
  if (!/^torch\.per_channel_(affine|symmetric|affine_float_qparams)$/.test(scheme)) {
    throw new Problem('E_PT_QPARAMS', `${scheme} is no known quantization scheme.`);
  }
  const axis = integer(items[3], 'axis');
  const channels = tensor.shape[axis];
  const scales = channelNumbers(items[1], rebuild);
  const zeroPoints = channelNumbers(items[2], rebuild);
  const [scaleCount, zeroPointCount] = [lengthOf(scales), lengthOf(zeroPoints)];
  if (channels === undefined || scaleCount !== channels || zeroPointCount !== channels) {
    throw new Problem('E_PT_QPARAMS', 'Scales and zero points do not fit the channel axis.', {
      found: `axis ${axis}, ${scaleCount ?? 'no'} scales, ${zeroPointCount ?? 'no'} zero points`,
      expected: `one each of ${channels ?? 'an axis of the tensor'}`,
    });
  }
  return { scheme: 'per_channel', scales, zeroPoints, axis };
}

function perTensor([, scale, zeroPointValue]: readonly PickleValue[], dtype: DType): Quantization {
  if (typeof scale !== 'number' || !Number.isFinite(scale) || scale <= 0) {
    throw new Problem('E_PT_QPARAMS', 'The scale of a quantized tensor is not a positive number.', {
      found: String(scale),
      expected: 'a finite number above 0',
    });
  }
  const zeroPoint = integer(zeroPointValue, 'zero_point');
  const range = codeRanges[dtype];
  if (range !== undefined && (zeroPoint < range[0] || zeroPoint > range[1])) {
    throw new Problem('E_PT_QPARAMS', `The zero point of a ${dtype} tensor is no code.`, {
      found: String(zeroPoint),
      expected: `${range[0]} to ${range[1]}`,
    });
  }
  return { scheme: 'per_tensor', scale, zeroPoint };
}

/** One number a channel: a tensor, or a list of numbers as old versions wrote it. */
function channelNumbers(
  value: PickleValue | undefined,
  rebuild: (value: PickleValue) => TensorRecord | undefined,
): TensorRecord | readonly number[] {
  if (value instanceof PickleList || value instanceof PickleTuple) {
    const numbers = itemsOf(value).filter((item): item is number => typeof item === 'number');
    if (numbers.length === value.items.length) return numbers;
  }
  const tensor = rebuild(value ?? null);
  if (tensor === undefined) {
    throw new Problem('E_PT_QPARAMS', 'Scales and zero points are neither a tensor nor a list of numbers.', {
      found: kindOf(value ?? null),
      expected: 'a tensor',
    });
  }
  return tensor;
}

function lengthOf(value: TensorRecord | readonly number[]): number | undefined {
  return 'storage' in value ? value.shape[0] : value.length;
}
