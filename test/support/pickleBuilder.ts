import { buildZip, type EndSpec, type EntrySpec, le, utf8 } from './zipBuilder';

/** A piece of pickle: opcodes as characters, raw bytes, or more pieces. */
export type Piece = string | number | Uint8Array | readonly Piece[];

/**
 * A pickle from opcodes by hand. A string is its latin-1 bytes, a number one byte, so that
 * `pickle(']', 0x85, 'R')` reads like the listing of pickletools.
 */
export function pickle(...pieces: readonly Piece[]): Uint8Array {
  let bytes = new Uint8Array(1024);
  let length = 0;
  const stack: Piece[] = [...pieces].reverse();
  for (let piece = stack.pop(); piece !== undefined; piece = stack.pop()) {
    if (Array.isArray(piece)) {
      for (let i = piece.length - 1; i >= 0; i--) stack.push(piece[i] as Piece);
      continue;
    }
    const part = bytesOf(piece as string | number | Uint8Array);
    if (length + part.length > bytes.length) {
      const larger = new Uint8Array(Math.max(bytes.length * 2, length + part.length));
      larger.set(bytes);
      bytes = larger;
    }
    bytes.set(part, length);
    length += part.length;
  }
  return bytes.slice(0, length);
}

function bytesOf(piece: string | number | Uint8Array): Uint8Array {
  if (typeof piece === 'number') return Uint8Array.of(piece);
  return typeof piece === 'string' ? Uint8Array.from(piece, (c) => c.charCodeAt(0)) : piece;
}

export const proto2: Piece = [0x80, 2];
export const proto4: Piece = [0x80, 4];

/** BINUNICODE. */
export function text(value: string): Piece {
  const encoded = utf8(value);
  return ['X', le(4, encoded.length), encoded];
}

/** LONG1 of eight bytes: any whole number of 64 bits. */
export function long(value: bigint): Piece {
  return [0x8a, 8, le(8, value)];
}

/** BININT for a number, LONG1 for a BigInt. */
export function int(value: number | bigint): Piece {
  return typeof value === 'bigint' ? long(value) : ['J', le(4, value)];
}

export function tuple(...items: readonly Piece[]): Piece {
  return ['(', ...items, 't'];
}

export function ints(...values: readonly (number | bigint)[]): Piece {
  return tuple(...values.map(int));
}

export function global(module: string, name: string): Piece {
  return ['c', utf8(`${module}\n${name}\n`)];
}

export function stackGlobal(module: string, name: string): Piece {
  return [text(module), text(name), 0x93];
}

export function reduce(callee: Piece, ...args: readonly Piece[]): Piece {
  return [callee, tuple(...args), 'R'];
}

export function dict(entries: readonly (readonly [key: string, value: Piece])[]): Piece {
  return ['}', '(', ...entries.map(([key, value]) => [text(key), value]), 'u'];
}

export interface TensorSpec {
  readonly storage?: Piece;
  readonly type?: Piece;
  readonly key?: string;
  readonly location?: Piece;
  readonly numel?: number | bigint;
  readonly offset?: Piece;
  readonly size?: Piece;
  readonly stride?: Piece;
}

export const emptyOrderedDict: Piece = [global('collections', 'OrderedDict'), ')', 'R'];

/** A persistent id of torch.save: by default four floats under key "0". */
export function storage({ type, key = '0', location, numel = 4 }: TensorSpec = {}): Piece {
  const id = tuple(
    text('storage'),
    type ?? global('torch', 'FloatStorage'),
    text(key),
    location ?? text('cpu'),
    int(numel),
  );
  return [id, 'Q'];
}

/** `_rebuild_tensor_v2` of a float32 tensor [2, 2] over four floats, unless the spec says otherwise. */
export function tensor(spec: TensorSpec = {}): Piece {
  return reduce(
    global('torch._utils', '_rebuild_tensor_v2'),
    spec.storage ?? storage(spec),
    spec.offset ?? int(0),
    spec.size ?? ints(2, 2),
    spec.stride ?? ints(2, 1),
    0x89,
    emptyOrderedDict,
  );
}

/** A state dict of one sound tensor "w" and whatever else is given. */
export function stateDict(...others: readonly (readonly [key: string, value: Piece])[]): Uint8Array {
  return pickle(proto2, dict([['w', tensor()], ...others]), '.');
}

export const fourFloats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

/** The records of a PyTorch file around a pickle: four floats in data/0. */
export function torchRecords(data: Uint8Array): EntrySpec[] {
  return [
    { name: 'model/data.pkl', data },
    { name: 'model/data/0', data: fourFloats },
    { name: 'model/version', data: utf8('3\n') },
  ];
}

export function torchFile(data: Uint8Array, extra: readonly EntrySpec[] = []): Uint8Array {
  return buildZip([...torchRecords(data), ...extra]);
}

/** The file of one tensor "w" with one of its records (data.pkl, data/0, version) changed. */
export function changedRecord(index: number, change: Partial<EntrySpec>, end?: EndSpec): Uint8Array {
  return buildZip(
    torchRecords(stateDict()).map((record, i) => (i === index ? { ...record, ...change } : record)),
    end,
  );
}
