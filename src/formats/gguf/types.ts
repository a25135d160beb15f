import type { ByteSource } from '../../core/byteSource';

/** The value types of GGUF's metadata, by number. */
export const valueTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

export type ValueType = (typeof valueTypes)[number];

/** A value of the metadata. Long arrays and texts stay in the file. */
export interface KeyValue {
  readonly key: string;
  readonly type: ValueType;
  /** As people read it: `4096`, `llama`, `[32000 × string]`. */
  readonly text: string;
  /** A scalar's value. */
  readonly value: number | bigint | boolean | string | undefined;
  /** Byte at which the key starts. */
  readonly offset: number;
}

/** One entry of the tensor table, as it stands. */
export interface TensorInfo {
  readonly name: string;
  /** Bytes of the name. */
  readonly nameBytes: number;
  /** ggml's order: the first dimension is the innermost. */
  readonly dims: readonly (number | bigint)[];
  /** ggml_type. */
  readonly type: number;
  /** From the start of the data. */
  readonly offset: number | bigint;
  /** Byte of the table at which the entry starts. */
  readonly at: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly bigEndian: boolean;
  readonly keyValues: ReadonlyMap<string, KeyValue>;
  readonly tensors: readonly TensorInfo[];
  readonly alignment: number;
  /** Byte at which the tensors' data start. */
  readonly dataStart: number;
}

/** A file with its header: a model has one, a split model several. */
export interface GgufPart {
  readonly source: ByteSource;
  readonly header: GgufHeader;
}
