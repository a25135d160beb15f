import { crc32 } from 'node:zlib';
import { unsupported } from '../../core/errors';

/** A record to write: its length is known beforehand, its bytes are made when their turn comes. */
export interface ZipRecord {
  readonly name: string;
  readonly length: number;
  data(): Promise<Uint8Array>;
}

export interface PlannedFile {
  /** Length of the whole file. */
  readonly size: number;
  chunks(): AsyncIterable<Uint8Array>;
}

/** PyTorch maps storages into memory, so their data starts at multiples of this. */
const alignment = 64;

/**
 * An archive as PyTorch writes it: entries stored, their data aligned by an extra field `FB`,
 * sizes and CRC in data descriptors, a zip64 end record. Everything but the CRCs is known from
 * the lengths, so the size needs no data. Source: caffe2/serialize/inline_container.cc.
 */
export function planZip(records: readonly ZipRecord[]): PlannedFile {
  const names = records.map(({ name }) => new TextEncoder().encode(name));
  const offsets: number[] = [];
  let at = 0;
  for (const [i, { length }] of records.entries()) {
    offsets.push(at);
    at += 30 + names[i].length + 4 + padding(at, names[i].length) + length + 16;
  }
  if (at >= 0xffffffff) throw unsupported('E_ZIP_WRITE_LIMIT', 'Archives of 4 GB and more cannot be written yet.');
  const directoryOffset = at;
  const directorySize = names.reduce((size, name) => size + 46 + name.length, 0);
  const size = directoryOffset + directorySize + 56 + 20 + 22;
  return {
    size,
    async *chunks() {
      const crcs: number[] = [];
      for (const [i, record] of records.entries()) {
        const data = await record.data();
        crcs.push(crc32(data));
        yield localHeader(names[i], offsets[i]);
        yield data;
        yield fields([4, 0x08074b50], [4, crcs[i]], [4, data.length], [4, data.length]);
      }
      for (const [i, { length }] of records.entries()) yield centralHeader(names[i], length, crcs[i], offsets[i]);
      yield endRecords(records.length, directorySize, directoryOffset);
    },
  };
}

function padding(offset: number, nameLength: number): number {
  return (alignment - ((offset + 30 + nameLength + 4) % alignment)) % alignment;
}

/** Bit 3 (data descriptor) and bit 11 (UTF-8). */
const flags = 0x0808;

function localHeader(name: Uint8Array, offset: number): Uint8Array {
  const pad = padding(offset, name.length);
  const head = fields(
    [4, 0x04034b50],
    [2, 0],
    [2, flags],
    [2, 0],
    [4, 0],
    [4, 0],
    [4, 0],
    [4, 0],
    [2, name.length],
    [2, 4 + pad],
  );
  return joined(head, name, fields([1, 0x46], [1, 0x42], [2, pad]), new Uint8Array(pad).fill(0x5a));
}

function centralHeader(name: Uint8Array, length: number, crc: number, offset: number): Uint8Array {
  const head = fields(
    [4, 0x02014b50],
    [2, 0],
    [2, 0],
    [2, flags],
    [2, 0],
    [4, 0],
    [4, crc],
    [4, length],
    [4, length],
    [2, name.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, offset],
  );
  return joined(head, name);
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
    [4, directorySize],
    [4, directoryOffset],
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
