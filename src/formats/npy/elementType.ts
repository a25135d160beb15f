import type { DType } from '../../core/dtype';
import type { ElementType, Literal } from './types';

/** Dtypes by numpy's code: the kind, and the bytes of an element. */
export const numpyDtypes: Readonly<Record<string, DType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  c8: 'complex64',
  c16: 'complex128',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
};

/** Bytes of one unit of the kinds that have no dtype here: text, raw bytes, dates, long doubles. */
const unitBytes: Readonly<Record<string, number>> = { S: 1, a: 1, U: 4, V: 1, M: 1, m: 1, f: 1, c: 1 };

/** The element type that `descr` names, or undefined when it names none. */
export function elementType(descr: Literal): ElementType | undefined {
  if (typeof descr !== 'string') return isStructured(descr) ? structured(descr) : undefined;
  const [, order, kind, digits] = /^([<>|=]?)([A-Za-z?])(\d{0,9})(?:\[\w*\])?$/.exec(descr) ?? [];
  if (kind === undefined) return undefined;
  const bigEndian = order === '>';
  if (kind === 'O') return { bigEndian, isObject: true };
  const code = kind === '?' ? 'b1' : kind + digits;
  if (Object.hasOwn(numpyDtypes, code)) {
    return { dtype: numpyDtypes[code], bytes: Number(code.slice(1)), bigEndian, isObject: false };
  }
  if (!Object.hasOwn(unitBytes, kind)) return undefined;
  return { bytes: unitBytes[kind] * Number(digits || 0), bigEndian, isObject: false };
}

function isStructured(descr: Literal): boolean {
  return typeof descr === 'object' && 'kind' in descr && descr.kind === 'list';
}

/** A table's rows: not decoded, but an object in any of its columns makes the data a pickle. */
function structured(descr: Literal): ElementType {
  return { bigEndian: false, isObject: containsObject(descr) };
}

function containsObject(descr: Literal): boolean {
  const stack: Literal[] = [descr];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value === 'string' && /^[<>|=]?O\d*$/.test(value)) return true;
    if (typeof value === 'object' && 'items' in value) stack.push(...value.items);
  }
  return false;
}
