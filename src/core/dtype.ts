/** PyTorch's names of element types; the vocabulary of every layer above. */
export type DType =
  | 'float64' | 'float32' | 'float16' | 'bfloat16'
  | 'float8_e4m3fn' | 'float8_e5m2' | 'float8_e4m3fnuz' | 'float8_e5m2fnuz' | 'float8_e8m0fnu'
  | 'float4_e2m1fn_x2'
  | 'complex32' | 'complex64' | 'complex128'
  | 'int64' | 'int32' | 'int16' | 'int8'
  | 'uint64' | 'uint32' | 'uint16' | 'uint8'
  | 'bool'
  | 'bits8' | 'bits16' | 'bits1x8' | 'bits2x4' | 'bits4x2'
  | 'qint8' | 'quint8' | 'qint32' | 'quint4x2' | 'quint2x4';

export type DTypeKind = 'float' | 'complex' | 'int' | 'bool' | 'quantized';

export interface DTypeInfo {
  /** Bytes of one element; packed types (quint4x2, quint2x4) have a fraction. */
  readonly bytes: number;
  readonly kind: DTypeKind;
}

export const dtypes: Readonly<Record<DType, DTypeInfo>> = {
  float64: { bytes: 8, kind: 'float' },
  float32: { bytes: 4, kind: 'float' },
  float16: { bytes: 2, kind: 'float' },
  bfloat16: { bytes: 2, kind: 'float' },
  float8_e4m3fn: { bytes: 1, kind: 'float' },
  float8_e5m2: { bytes: 1, kind: 'float' },
  float8_e4m3fnuz: { bytes: 1, kind: 'float' },
  float8_e5m2fnuz: { bytes: 1, kind: 'float' },
  float8_e8m0fnu: { bytes: 1, kind: 'float' },
  /** Two numbers of four bits an element. */
  float4_e2m1fn_x2: { bytes: 1, kind: 'float' },
  complex32: { bytes: 4, kind: 'complex' },
  complex64: { bytes: 8, kind: 'complex' },
  complex128: { bytes: 16, kind: 'complex' },
  int64: { bytes: 8, kind: 'int' },
  int32: { bytes: 4, kind: 'int' },
  int16: { bytes: 2, kind: 'int' },
  int8: { bytes: 1, kind: 'int' },
  uint64: { bytes: 8, kind: 'int' },
  uint32: { bytes: 4, kind: 'int' },
  uint16: { bytes: 2, kind: 'int' },
  uint8: { bytes: 1, kind: 'int' },
  bool: { bytes: 1, kind: 'bool' },
  bits8: { bytes: 1, kind: 'int' },
  bits16: { bytes: 2, kind: 'int' },
  bits1x8: { bytes: 1, kind: 'int' },
  bits2x4: { bytes: 1, kind: 'int' },
  bits4x2: { bytes: 1, kind: 'int' },
  qint8: { bytes: 1, kind: 'quantized' },
  quint8: { bytes: 1, kind: 'quantized' },
  qint32: { bytes: 4, kind: 'quantized' },
  quint4x2: { bytes: 0.5, kind: 'quantized' },
  quint2x4: { bytes: 0.25, kind: 'quantized' },
};

export function isDType(name: string): name is DType {
  return Object.hasOwn(dtypes, name);
}

/** Bytes that `count` elements of `dtype` occupy, rounded up to whole bytes. */
export function byteLength(dtype: DType, count: number): number {
  return Math.ceil(count * dtypes[dtype].bytes);
}
