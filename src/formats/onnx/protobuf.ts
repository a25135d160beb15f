import { type ByteChunks, chunksOf } from '../../core/byteChunks';

/**
 * Messages of the protobuf wire format, whose lengths are known before their bytes are made:
 * a nested message says its length first, so large data must not be needed to know it.
 * Source: protobuf.dev/programming-guides/encoding.
 */
export interface Part {
  readonly length: number;
  chunks(): AsyncIterable<Uint8Array>;
}

/** Bytes that are there. */
function bytesPart(bytes: Uint8Array): Part {
  return {
    length: bytes.length,
    async *chunks() {
      yield bytes;
    },
  };
}

/** Several parts after each other. */
export function joinParts(parts: readonly Part[]): Part {
  return {
    length: parts.reduce((sum, { length }) => sum + length, 0),
    async *chunks() {
      for (const part of parts) yield* part.chunks();
    },
  };
}

/** An int64 in base 128, negative ones as ten bytes of two's complement. */
export function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return bytes;
}

const wire = { varint: 0, length: 2, fixed32: 5 } as const;

function tag(field: number, type: number): number[] {
  return varint((field << 3) | type);
}

export function intField(field: number, value: number | bigint): Part {
  return bytesPart(Uint8Array.from([...tag(field, wire.varint), ...varint(value)]));
}

export function floatField(field: number, value: number): Part {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytesPart(Uint8Array.from([...tag(field, wire.fixed32), ...bytes]));
}

/** A nested message, or bytes. */
export function messageField(field: number, content: Part): Part {
  return joinParts([bytesPart(Uint8Array.from([...tag(field, wire.length), ...varint(content.length)])), content]);
}

export function textField(field: number, text: string): Part {
  return messageField(field, bytesPart(new TextEncoder().encode(text)));
}

/** Packed int64s. */
export function intsField(field: number, values: readonly (number | bigint)[]): Part {
  return messageField(field, bytesPart(Uint8Array.from(values.flatMap(varint))));
}

/** `length` bytes that are made when they are written. */
export function dataField(field: number, length: number, data: () => ByteChunks): Part {
  return messageField(field, { length, chunks: () => chunksOf(data()) });
}
