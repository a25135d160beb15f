import { type ByteChunks, chunksOf } from '../../core/byteChunks';
import { QuantscopeError } from '../../core/errors';
import { updateSharedCrc32 } from './crc';

/** A record to write: its length is known beforehand, its bytes are made when their turn comes. */
export interface ZipRecord {
  readonly name: string;
  readonly length: number;
  data(): ByteChunks;
}

export interface PlannedFile {
  /** Length of the whole file. */
  readonly size: number;
  chunks(): AsyncIterable<Uint8Array>;
}

/** PyTorch maps storages into memory, so their data starts at multiples of this. */
const alignment = 64;

/** Sizes and offsets from here on stand in zip64 fields. */
const limit32 = 0xffffffff;

interface Placed {
  readonly record: ZipRecord;
  readonly name: Uint8Array;
  readonly offset: number;
  /** Sizes of 64 bits in the data descriptor, which the local header announces. */
  readonly large: boolean;
}

/**
 * An archive as PyTorch writes it: entries stored, their data aligned by an extra field `FB`,
 * sizes and CRC in data descriptors, a zip64 end record. Everything but the CRCs is known from
 * the lengths, so the size needs no data. Sources: caffe2/serialize/inline_container.cc, and
 * PKWARE APPNOTE 6.3.10 section 4.5.3 for entries beyond 4 GB.
 */
export function planZip(records: readonly ZipRecord[]): PlannedFile {
  const placed: Placed[] = [];
  let at = 0;
  for (const record of records) {
    const name = new TextEncoder().encode(record.name);
    const entry = { record, name, offset: at, large: record.length >= limit32 };
    placed.push(entry);
    at += localLength(entry) + record.length + (entry.large ? 24 : 16);
  }
  const directoryOffset = at;
  const directorySize = placed.reduce((size, entry) => size + 46 + entry.name.length + central64(entry).length, 0);
  const size = directoryOffset + directorySize + 56 + 20 + 22;
  return {
    size,
    async *chunks() {
      const crcs: number[] = [];
      for (const entry of placed) {
        yield localHeader(entry);
        let crc = 0;
        let length = 0;
        for await (const chunk of chunksOf(entry.record.data())) {
          crc = updateSharedCrc32(crc, chunk);
          length += chunk.length;
          yield chunk;
        }
        if (length !== entry.record.length) throw wrongLength(entry.record, length);
        crcs.push(crc);
        const width = entry.large ? 8 : 4;
        yield fields([4, 0x08074b50], [4, crc], [width, length], [width, length]);
      }
      for (const [i, entry] of placed.entries()) yield centralHeader(entry, crcs[i]);
      yield endRecords(placed.length, directorySize, directoryOffset);
    },
  };
}

function wrongLength({ name, length }: ZipRecord, found: number): QuantscopeError {
  return new QuantscopeError({
    code: 'E_WRITE_LENGTH',
    kind: 'internal',
    message: `The record ${name} did not have the length that was planned.`,
    found: `${found} bytes`,
    expected: `${length}`,
  });
}

/** The zip64 field of a local header; its sizes are zero, the data descriptor has them. */
const local64 = fields([2, 1], [2, 16], [8, 0], [8, 0]);

function localLength(entry: Placed): number {
  return 30 + entry.name.length + (entry.large ? local64.length : 0) + 4 + padding(entry);
}

function padding({ offset, name, large }: Placed): number {
  const before = offset + 30 + name.length + (large ? local64.length : 0) + 4;
  return (alignment - (before % alignment)) % alignment;
}

/** Bit 3 (data descriptor) and bit 11 (UTF-8). */
const flags = 0x0808;

function localHeader(entry: Placed): Uint8Array {
  const { name, large } = entry;
  const pad = padding(entry);
  const sizes = large ? limit32 : 0;
  const head = fields(
    [4, 0x04034b50],
    [2, large ? 45 : 0],
    [2, flags],
    [2, 0],
    [4, 0],
    [4, 0],
    [4, sizes],
    [4, sizes],
    [2, name.length],
    [2, (large ? local64.length : 0) + 4 + pad],
  );
  const aligned = [fields([1, 0x46], [1, 0x42], [2, pad]), new Uint8Array(pad).fill(0x5a)];
  return joined(head, name, ...(large ? [local64] : []), ...aligned);
}

/** What does not fit 32 bits, in the order of the standard: sizes, then the offset. */
function central64({ record, offset, large }: Placed): Uint8Array {
  const values = [...(large ? [record.length, record.length] : []), ...(offset >= limit32 ? [offset] : [])];
  if (values.length === 0) return new Uint8Array(0);
  return fields([2, 1], [2, values.length * 8], ...values.map((value): [number, number] => [8, value]));
}

function centralHeader(entry: Placed, crc: number): Uint8Array {
  const { name, record, offset, large } = entry;
  const extra = central64(entry);
  const size = large ? limit32 : record.length;
  const head = fields(
    [4, 0x02014b50],
    [2, 0],
    [2, extra.length > 0 ? 45 : 0],
    [2, flags],
    [2, 0],
    [4, 0],
    [4, crc],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, Math.min(offset, limit32)],
  );
  return joined(head, name, extra);
}

function endRecords(count: number, directorySize: number, directoryOffset: number): Uint8Array {
  const end64 = fields(
    [4, 0x06064b50],
    [8, 44],
    [2, 0x031e],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, directorySize],
    [8, directoryOffset],
  );
  const locator = fields([4, 0x07064b50], [4, 0], [8, directoryOffset + directorySize], [4, 1]);
  const short = Math.min(count, 0xffff);
  const end = fields(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, short],
    [2, short],
    [4, Math.min(directorySize, limit32)],
    [4, Math.min(directoryOffset, limit32)],
    [2, 0],
  );
  return joined(end64, locator, end);
}

/** Little-endian fields of the given widths. */
function fields(...parts: readonly (readonly [width: number, value: number])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [width, value] of parts) for (let i = 0; i < width; i++) bytes.push(Math.floor(value / 256 ** i) % 256);
  return Uint8Array.from(bytes);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
