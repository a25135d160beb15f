import { type DType, dtypes, isDType } from '../../../core/dtype';
import { scalarType } from '../values/elements';
import { onlyElement, StridedTensor } from '../values/stridedTensor';
import { DTypeValue, PyFloat, PyList, PyTuple, type Value } from '../values/values';
import type { ParameterType } from './signature';

/** What a conversion gives when the argument does not fit its parameter. */
export const misfit = Symbol('misfit');

/**
 * An argument as the implementation takes it: ints, floats and bools as JavaScript's, lists as
 * arrays, dtypes by name. A tensor of one element is a number where a number is asked for, which
 * traces rely on.
 */
export function convertArgument(value: Value, type: ParameterType): unknown {
  if (type === 'Tensor') return value instanceof StridedTensor ? value : misfit;
  if (value === null && type.endsWith('?')) return null;
  switch (type) {
    case 'any':
      return value;
    case 'Tensor?':
      return value instanceof StridedTensor ? value : misfit;
    case 'int':
    case 'int?':
      return toInt(value);
    case 'float':
    case 'float?':
      return toFloat(value);
    case 'number':
    case 'number?':
      return value instanceof StridedTensor && value.rank === 0
        ? value
        : typeof value === 'number' || typeof value === 'boolean' || value instanceof PyFloat
          ? value
          : misfit;
    case 'bool':
    case 'bool?':
      if (value instanceof StridedTensor && value.count === 1) return onlyElement(value) !== 0;
      return typeof value === 'boolean' ? value : typeof value === 'number' ? value !== 0 : misfit;
    case 'str':
    case 'str?':
      return typeof value === 'string' ? value : misfit;
    case 'dtype':
    case 'dtype?':
      return toDType(value) ?? misfit;
    case 'list':
      return value instanceof PyList ? value : misfit;
    case 'int[]':
    case 'int[]?':
      return listOf(value, toInt);
    case 'float[]?':
      return listOf(value, toFloat);
    case 'Tensor[]':
      return listOf(value, (item) => (item instanceof StridedTensor ? item : misfit));
    case 'Tensor?[]':
      return listOf(value, (item) => (item instanceof StridedTensor || item === null ? item : misfit));
    default:
      return misfit;
  }
}

function toInt(value: Value): number | typeof misfit {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof StridedTensor && value.count === 1 && dtypes[value.dtype].kind !== 'float')
    return onlyElement(value);
  return misfit;
}

function toFloat(value: Value): number | typeof misfit {
  if (value instanceof PyFloat) return value.value;
  if (value instanceof StridedTensor && value.count === 1) return onlyElement(value);
  return toInt(value);
}

export function toDType(value: Value): DType | undefined {
  if (value instanceof DTypeValue) return value.dtype;
  if (typeof value === 'number') return scalarType(value);
  return typeof value === 'string' && isDType(value) ? value : undefined;
}

function listOf<T>(value: Value, convert: (item: Value) => T | typeof misfit): T[] | typeof misfit {
  if (!(value instanceof PyList || value instanceof PyTuple)) return misfit;
  const result: T[] = [];
  for (const item of value.items) {
    const converted = convert(item);
    if (converted === misfit) return misfit;
    result.push(converted as T);
  }
  return result;
}
