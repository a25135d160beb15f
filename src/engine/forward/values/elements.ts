import { type DType, dtypes } from '../../../core/dtype';
import { unsupported } from '../../../core/errors';

/**
 * The element types that programs compute with. int64 values are kept in doubles, exact to 2^53:
 * indices and sizes never need more, and BigInt arithmetic is a hundred times slower.
 */
export type ElementType = 'float32' | 'float64' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool';

export type Elements = Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: Float64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

export function elementBytes(type: ElementType): number {
  return arrays[type].BYTES_PER_ELEMENT;
}

/** Small tensors share buffers of this size: a buffer of its own costs ten times its elements. */
const sharedBytes = 256 * 1024;
const maxSmallBytes = 16 * 1024;

let shared = new ArrayBuffer(0);
let used = 0;

/** Zeros. What is small lies in a buffer with others, each place of which is given out once. */
export function newElements(type: ElementType, count: number): Elements {
  const bytes = count * arrays[type].BYTES_PER_ELEMENT;
  if (!(bytes <= maxSmallBytes)) return new arrays[type](count);
  if (used + bytes > shared.byteLength) {
    shared = new ArrayBuffer(sharedBytes);
    used = 0;
  }
  const elements = new arrays[type](shared, used, count);
  used += Math.ceil(bytes / 16) * 16;
  return elements;
}

/** The dtype as one that programs can compute with; E_DTYPE for the others. */
export function elementType(dtype: DType): ElementType {
  if (Object.hasOwn(arrays, dtype)) return dtype as ElementType;
  throw unsupported('E_DTYPE', `A forward pass cannot compute with ${dtype} yet.`, {
    hint: 'Convert the model to float32.',
  });
}

export type Category = 0 | 1 | 2;

/** bool < int < float: a tensor of a lower class only raises the category. */
export function category(type: ElementType): Category {
  const { kind } = dtypes[type];
  return kind === 'bool' ? 0 : kind === 'int' ? 1 : 2;
}

export function isFloating(type: ElementType): boolean {
  return category(type) === 2;
}

/** Numbers of the codes that TorchScript writes for dtypes: c10/core/ScalarType.h. */
const scalarTypes: readonly (DType | undefined)[] = [
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'float32',
  'float64',
  'complex32',
  'complex64',
  'complex128',
  'bool',
  'qint8',
  'quint8',
  'qint32',
  'bfloat16',
];

export function scalarType(code: number): DType | undefined {
  return scalarTypes[code];
}

export function scalarTypeCode(dtype: DType): number {
  return scalarTypes.indexOf(dtype);
}

/** Writes values into elements of a type as PyTorch casts: truncated to integers, wrapped, `!= 0` for bool. */
export function castInto(type: ElementType, values: ArrayLike<number>, out: Elements): Elements {
  const n = values.length;
  if (type === 'bool') for (let i = 0; i < n; i++) out[i] = values[i] !== 0 ? 1 : 0;
  else if (type === 'int64') for (let i = 0; i < n; i++) out[i] = Math.trunc(values[i]);
  else out.set(values);
  return out;
}
