import { concat, utf8 } from './zipBuilder';

/** Bytes of Protocol Buffers, by hand: also those that no writer writes. */
export type Bytes = Uint8Array;

export function varint(value: number | bigint): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export function tag(field: number | bigint, wire: number): Bytes {
  return varint(BigInt(field) * 8n + BigInt(wire));
}

/** A varint field. */
export function num(field: number, value: number | bigint): Bytes {
  return concat(tag(field, 0), varint(value));
}

/** A field of bytes: a message, a string, a packed list. `length` lies about them. */
export function len(field: number, body: Bytes | string, length?: number | bigint): Bytes {
  const bytes = typeof body === 'string' ? utf8(body) : body;
  return concat(tag(field, 2), varint(length ?? bytes.length), bytes);
}

export function packed(field: number, values: readonly (number | bigint)[]): Bytes {
  return len(field, concat(...values.map(varint)));
}

export function float32(value: number): Bytes {
  return new Uint8Array(Float32Array.of(value).buffer);
}

export function floats(...values: number[]): Bytes {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export interface TensorSpec {
  readonly name?: string;
  readonly dims?: readonly (number | bigint)[];
  readonly type?: number;
  readonly raw?: Bytes;
  /** Any other fields. */
  readonly more?: readonly Bytes[];
}

/** The body of a TensorProto: two floats unless told otherwise. */
export function tensorProto({ name = 't', dims = [2], type = 1, raw, more = [] }: TensorSpec = {}): Bytes {
  const data = raw ?? (more.length === 0 ? floats(1, 2) : undefined);
  return concat(packed(1, dims), num(2, type), len(8, name), ...(data === undefined ? [] : [len(9, data)]), ...more);
}

/** external_data entries of a tensor. */
export function externalProto(entries: readonly (readonly [string, string])[]): Bytes[] {
  return [...entries.map(([key, value]) => len(13, concat(len(1, key), len(2, value)))), num(14, 1)];
}

export interface NodeSpec {
  readonly type?: string;
  readonly name?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly domain?: string;
  readonly attributes?: readonly Bytes[];
}

/** The body of a NodeProto. */
export function nodeProto({
  type = 'Relu',
  name = '',
  inputs = [],
  outputs = [],
  domain,
  attributes = [],
}: NodeSpec): Bytes {
  return concat(
    ...inputs.map((input) => len(1, input)),
    ...outputs.map((output) => len(2, output)),
    len(3, name),
    len(4, type),
    ...attributes.map((attribute) => len(5, attribute)),
    ...(domain === undefined ? [] : [len(7, domain)]),
  );
}

/** The body of a GraphProto from the bodies of its parts. */
export function graphProto(parts: {
  readonly nodes?: readonly Bytes[];
  readonly tensors?: readonly Bytes[];
  readonly sparse?: readonly Bytes[];
  readonly inputs?: readonly string[];
}): Bytes {
  const { nodes = [], tensors = [], sparse = [], inputs = [] } = parts;
  return concat(
    ...nodes.map((node) => len(1, node)),
    len(2, 'main'),
    ...tensors.map((tensor) => len(5, tensor)),
    ...inputs.map((input) => len(11, len(1, input))),
    ...sparse.map((one) => len(15, one)),
  );
}

/** A model file: IR version 10, operator set 21, and the graph. */
export function onnxFile(graph: Bytes, ...more: Bytes[]): Bytes {
  return concat(num(1, 10), len(2, 'test'), len(8, num(2, 21)), ...more, len(7, graph));
}

/** A model with these tensors and a node that uses none of them. */
export function onnxWith(...tensors: Bytes[]): Bytes {
  return onnxFile(graphProto({ tensors }));
}
