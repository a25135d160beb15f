import type { DType } from '../../core/dtype';
import type { DataField } from './types';

/** How the elements of a TensorProto.DataType are stored and what reading gives. */
export interface DataType {
  /** As onnx.proto spells it, in lower case. */
  readonly name: string;
  /** What reading gives; undefined where the values are no numbers. */
  readonly dtype: DType | undefined;
  /** Bits of an element in raw_data. */
  readonly bits: number;
  /** The typed field that may hold them instead. */
  readonly field: DataField;
}

const type = (name: string, dtype: DType | undefined, bits: number, field: DataField = 'int32'): DataType => ({
  name,
  dtype,
  bits,
  field,
});

/** By TensorProto.DataType, up to onnx 1.23. Types below eight bits are widened when they are read. */
const dataTypes: ReadonlyMap<number, DataType> = new Map([
  [1, type('float', 'float32', 32, 'float')],
  [2, type('uint8', 'uint8', 8)],
  [3, type('int8', 'int8', 8)],
  [4, type('uint16', 'uint16', 16)],
  [5, type('int16', 'int16', 16)],
  [6, type('int32', 'int32', 32)],
  [7, type('int64', 'int64', 64, 'int64')],
  [8, type('string', undefined, 8, 'string')],
  [9, type('bool', 'bool', 8)],
  [10, type('float16', 'float16', 16)],
  [11, type('double', 'float64', 64, 'double')],
  [12, type('uint32', 'uint32', 32, 'uint64')],
  [13, type('uint64', 'uint64', 64, 'uint64')],
  [14, type('complex64', 'complex64', 64, 'float')],
  [15, type('complex128', 'complex128', 128, 'double')],
  [16, type('bfloat16', 'bfloat16', 16)],
  [17, type('float8e4m3fn', 'float8_e4m3fn', 8)],
  [18, type('float8e4m3fnuz', 'float8_e4m3fnuz', 8)],
  [19, type('float8e5m2', 'float8_e5m2', 8)],
  [20, type('float8e5m2fnuz', 'float8_e5m2fnuz', 8)],
  [21, type('uint4', 'uint8', 4)],
  [22, type('int4', 'int8', 4)],
  [23, type('float4e2m1', 'float32', 4)],
  [24, type('float8e8m0', 'float8_e8m0fnu', 8)],
  [25, type('uint2', 'uint8', 2)],
  [26, type('int2', 'int8', 2)],
  [27, type('float6e2m3', 'float32', 6)],
  [28, type('float6e3m2', 'float32', 6)],
]);

export function dataTypeOf(id: number): DataType | undefined {
  return dataTypes.get(id);
}

/** For people: `float`, `int4`, or the number of a type that is not known. */
export function dataTypeName(id: number): string {
  return dataTypes.get(id)?.name ?? `data type ${id}`;
}

/** Bytes of `count` elements in raw_data. */
export function rawBytes({ bits }: DataType, count: number): number {
  return Math.ceil((count * bits) / 8);
}
