import { concat, le, utf8 } from './zipBuilder';

/** The value types of GGUF by name. */
export const ggufTypes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

export type Bytes = Uint8Array;

/** Eight bytes, little-endian, of any 64-bit integer. */
export function u64(value: number | bigint): Bytes {
  return new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, BigInt(value))).buffer);
}

/** A string; `length` lies about it. */
export function str(text: string | Bytes, length?: number | bigint): Bytes {
  const bytes = typeof text === 'string' ? utf8(text) : text;
  return concat(u64(length ?? bytes.length), bytes);
}

/** A key and its value, both as bytes. */
export function kv(key: string | Bytes, type: number, value: Bytes): Bytes {
  return concat(str(key), le(4, type), value);
}

export function stringKv(key: string, value: string): Bytes {
  return kv(key, ggufTypes.string, str(value));
}

export function uintKv(key: string, value: number): Bytes {
  return kv(key, ggufTypes.uint32, le(4, value));
}

/** An array value: its type, its count (which may lie) and its elements. */
export function arrayKv(key: string, type: number, count: number | bigint, elements: Bytes): Bytes {
  return kv(key, ggufTypes.array, concat(le(4, type), u64(count), elements));
}

export interface GgufTensorSpec {
  readonly name?: string;
  /** Innermost first, as ggml counts. */
  readonly dims?: readonly (number | bigint)[];
  readonly rank?: number;
  readonly type?: number;
  readonly offset?: number | bigint;
}

/** An entry of the tensor table: eight float32 at the start of the data. */
export function tensorEntry({ name = 't', dims = [8], rank, type = 0, offset = 0 }: GgufTensorSpec = {}): Bytes {
  return concat(str(name), le(4, rank ?? dims.length), ...dims.map(u64), le(4, type), u64(offset));
}

/** A tensor table of t0, t1 and so on. */
export function table(...entries: readonly GgufTensorSpec[]): Bytes[] {
  return entries.map((entry, i) => tensorEntry({ name: `t${i}`, ...entry }));
}

/** `general.alignment` as uint32. */
export function align(value: number): Bytes {
  return uintKv('general.alignment', value);
}

/** A key whose array holds one array, and so on; the last one is empty. */
export function nestedArrays(levels: number): Bytes {
  const level = concat(le(4, ggufTypes.array), u64(1));
  return kv('k', ggufTypes.array, concat(repeated(level, levels), le(4, ggufTypes.uint8), u64(0)));
}

export interface GgufSpec {
  readonly magic?: string;
  readonly version?: number;
  readonly kvs?: readonly Bytes[];
  readonly tensors?: readonly Bytes[];
  readonly kvCount?: number | bigint;
  readonly tensorCount?: number | bigint;
  readonly alignment?: number;
  readonly data?: Bytes;
}

/** A file; every number can be told to lie. */
export function ggufFile(spec: GgufSpec = {}): Bytes {
  const { magic = 'GGUF', version = 3, kvs = [], tensors = [], alignment = 32, data = new Uint8Array(0) } = spec;
  const head = concat(
    utf8(magic),
    le(4, version),
    u64(spec.tensorCount ?? tensors.length),
    u64(spec.kvCount ?? kvs.length),
    ...kvs,
    ...tensors,
  );
  return concat(head, new Uint8Array((alignment - (head.length % alignment)) % alignment), data);
}

/** The same bytes many times. */
export function repeated(bytes: Bytes, count: number): Bytes {
  const all = new Uint8Array(bytes.length * count);
  for (let at = 0; at < all.length; at += bytes.length) all.set(bytes, at);
  return all;
}

/** Eight float32, 0 to 7: the data of the default tensor. */
export const eightFloats = new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i).buffer);
