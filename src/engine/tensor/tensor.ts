import { byteLength, type DType } from '../../core/dtype';
import { invalid, unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import { float4Values, float8Values } from '../../core/smallFloats';
import { selectKernels } from '../kernels/dispatch';
import { forTiles, type StreamKernels } from '../kernels/streamKernels';

export type TypedArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

/** A dense tensor in row-major order. Floats below 32 bits hold their bit patterns, complex numbers two parts each, packed types their bytes. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A float32 tensor: what all arithmetic of the engine takes and gives. */
export interface FloatTensor extends Tensor {
  readonly dtype: 'float32';
  readonly data: Float32Array;
}

/** A float32 tensor of this shape over `data`, which must have as many elements. */
export function floatTensor(data: Float32Array, shape: readonly number[]): FloatTensor {
  if (data.length !== numel(shape)) {
    throw invalid(
      'E_SHAPE',
      `A tensor of shape [${shape.join(', ')}] has ${numel(shape)} elements, not ${data.length}.`,
    );
  }
  return { dtype: 'float32', shape, data };
}

/** An int64 tensor of this shape, for indices. */
export function int64Tensor(values: ArrayLike<number>, shape: readonly number[]): Tensor {
  if (values.length !== numel(shape)) {
    throw invalid(
      'E_SHAPE',
      `A tensor of shape [${shape.join(', ')}] has ${numel(shape)} elements, not ${values.length}.`,
    );
  }
  return { dtype: 'int64', shape, data: BigInt64Array.from(values as number[], (value) => BigInt(value)) };
}

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
}

const arrayTypes: Partial<Record<DType, ArrayType>> = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float8_e4m3fn: Uint8Array,
  float8_e5m2: Uint8Array,
  float8_e4m3fnuz: Uint8Array,
  float8_e5m2fnuz: Uint8Array,
  float8_e8m0fnu: Uint8Array,
  float4_e2m1fn_x2: Uint8Array,
  complex32: Uint16Array,
  complex64: Float32Array,
  complex128: Float64Array,
  bits8: Uint8Array,
  bits16: Uint16Array,
  bits1x8: Uint8Array,
  bits2x4: Uint8Array,
  bits4x2: Uint8Array,
  quint4x2: Uint8Array,
  quint2x4: Uint8Array,
  qint8: Int8Array,
  quint8: Uint8Array,
  qint32: Int32Array,
};

/** Little-endian, row-major bytes as a tensor; the bytes are copied, so they may be unaligned. */
export function tensorFromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
  return tensorOver(new Uint8Array(bytes), dtype, shape);
}

/**
 * The same over the bytes themselves where they are aligned, for values that are only read: a large
 * tensor is not held twice.
 */
export function tensorOver(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
  const ArrayOf = arrayTypes[dtype];
  if (ArrayOf === undefined) throw unsupported('E_DTYPE', `Values of dtype ${dtype} cannot be read yet.`);
  const expected = byteLength(dtype, numel(shape));
  if (bytes.length !== expected) {
    throw invalid(
      'E_SHAPE',
      `A ${dtype} tensor of shape [${shape.join(', ')}] has ${expected} bytes, not ${bytes.length}.`,
    );
  }
  if (dtype === 'bool') return { dtype, shape, data: truths(bytes) };
  // A Buffer's own slice() would share its memory.
  const { buffer, byteOffset, length } =
    bytes.byteOffset % ArrayOf.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return { dtype, shape, data: new ArrayOf(buffer, byteOffset, length / ArrayOf.BYTES_PER_ELEMENT) };
}

/** Any byte but 0 is true, as PyTorch reads them: files may have others than 1. */
function truths(bytes: Uint8Array): Uint8Array {
  if (bytes.some((byte) => byte > 1)) return Uint8Array.from(bytes, (byte) => Math.min(byte, 1));
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The values as float32; exact for every small float, rounded for float64 and large integers.
 * Complex numbers give two values each, real and imaginary; a pair of e2m1 gives two as well;
 * packed quantized codes give one each. `space` is filled where the values are not float32 already.
 */
export function toFloat32(tensor: Tensor, space?: Float32Array): Float32Array {
  const { data, dtype, shape } = tensor;
  const { streams } = selectKernels();
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return data as Float32Array;
    case 'float16':
    case 'complex32':
      return widen(data as Uint16Array, streams.float16, space);
    case 'bfloat16':
      return widen(data as Uint16Array, streams.bfloat16, space);
    case 'quint4x2':
      return Float32Array.from(unpacked(data as Uint8Array, 4, numel(shape)));
    case 'quint2x4':
      return Float32Array.from(unpacked(data as Uint8Array, 2, numel(shape)));
    case 'float4_e2m1fn_x2':
      return lookUp(unpacked(data as Uint8Array, 4, 2 * data.length), float4Values);
  }
  const table = float8Values(dtype);
  if (table !== undefined) return lookUp(data as Uint8Array, table, space);
  const values = spaceOf(data.length, space);
  for (let i = 0; i < values.length; i++) values[i] = Number(data[i]);
  return values;
}

function spaceOf(length: number, space: Float32Array | undefined): Float32Array {
  return space?.subarray(0, length) ?? new Float32Array(length);
}

/** Codes of `bits` bits, the first one in the lowest bits of its byte. */
function unpacked(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  return Uint8Array.from(
    { length: count },
    (_, i) => (bytes[Math.floor(i / perByte)] >> (bits * (i % perByte))) & mask,
  );
}

function lookUp(patterns: Uint8Array, table: Float32Array, space?: Float32Array): Float32Array {
  const values = spaceOf(patterns.length, space);
  for (let i = 0; i < values.length; i++) values[i] = table[patterns[i]];
  return values;
}

function widen(patterns: Uint16Array, kernel: StreamKernels['float16'], space?: Float32Array): Float32Array {
  const values = spaceOf(patterns.length, space);
  forTiles(patterns.length, (start, end) => kernel(patterns.subarray(start, end), values.subarray(start, end)));
  return values;
}
