import type { DType } from '../../core/dtype';
import { float4Values } from '../../core/smallFloats';

/** An element type of safetensors; those of fewer than eight bits are packed without gaps. */
export interface ElementType {
  readonly bits: number;
  /** PyTorch's name, or what the values become when they are read. */
  readonly dtype: DType;
  /** Why values of it cannot be read. */
  readonly unreadable?: string;
}

/** Source: `enum Dtype` of the reference implementation, safetensors 0.8. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ['F64', { bits: 64, dtype: 'float64' }],
  ['F32', { bits: 32, dtype: 'float32' }],
  ['F16', { bits: 16, dtype: 'float16' }],
  ['BF16', { bits: 16, dtype: 'bfloat16' }],
  ['F8_E4M3', { bits: 8, dtype: 'float8_e4m3fn' }],
  ['F8_E5M2', { bits: 8, dtype: 'float8_e5m2' }],
  ['F8_E4M3FNUZ', { bits: 8, dtype: 'float8_e4m3fnuz' }],
  ['F8_E5M2FNUZ', { bits: 8, dtype: 'float8_e5m2fnuz' }],
  ['F8_E8M0', { bits: 8, dtype: 'float8_e8m0fnu' }],
  ['F6_E2M3', { bits: 6, dtype: 'float32', unreadable: 'nobody has fixed the order of its bits' }],
  ['F6_E3M2', { bits: 6, dtype: 'float32', unreadable: 'nobody has fixed the order of its bits' }],
  ['F4', { bits: 4, dtype: 'float32' }],
  ['C64', { bits: 64, dtype: 'complex64' }],
  ['I64', { bits: 64, dtype: 'int64' }],
  ['I32', { bits: 32, dtype: 'int32' }],
  ['I16', { bits: 16, dtype: 'int16' }],
  ['I8', { bits: 8, dtype: 'int8' }],
  ['U64', { bits: 64, dtype: 'uint64' }],
  ['U32', { bits: 32, dtype: 'uint32' }],
  ['U16', { bits: 16, dtype: 'uint16' }],
  ['U8', { bits: 8, dtype: 'uint8' }],
  ['BOOL', { bits: 8, dtype: 'bool' }],
]);

/** float4 pairs as float32; the first value of a pair is in the lower bits, as in PyTorch's float4_e2m1fn_x2. */
export function decodeFloat4(packed: Uint8Array): Uint8Array {
  const values = new Float32Array(packed.length * 2);
  for (let i = 0; i < values.length; i++) values[i] = float4Values[(packed[i >> 1] >> (4 * (i & 1))) & 15];
  return new Uint8Array(values.buffer);
}
