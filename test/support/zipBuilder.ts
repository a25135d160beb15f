import { crc32, deflateRawSync } from 'node:zlib';

/** One entry; every field that a writer could get wrong can be set by hand. */
export interface EntrySpec {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflate?: boolean;
  /** What the headers say instead of the truth. */
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly compressedSize?: number;
  readonly offset?: number;
  /** Name of the local header, where it differs. */
  readonly localName?: string;
  readonly localSignature?: number;
  /** What the local header says otherwise than the directory. */
  readonly local?: { readonly flags?: number; readonly method?: number; readonly crc?: number; readonly size?: number };
  /** Extra field of the central header. */
  readonly extra?: Uint8Array;
}

/** What the end records say instead of the truth. */
export interface EndSpec {
  readonly count?: number;
  readonly directorySize?: number;
  readonly directoryOffset?: number;
  readonly disk?: number;
  readonly comment?: Uint8Array;
  /** Fields of a zip64 record and its locator, which are written when this is given. */
  readonly zip64?: {
    readonly count?: bigint;
    readonly size?: bigint;
    readonly offset?: bigint;
    readonly locator?: bigint;
  };
}

const dataDescriptor = 0x08;

/** A small archive, stored unless told otherwise, with sizes and CRC in the local headers. */
export function buildZip(entries: readonly EntrySpec[], end: EndSpec = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  for (const entry of entries) {
    const { head, body } = local(entry);
    central.push(centralHeader(entry, body.length, at));
    parts.push(head, body);
    at += head.length + body.length;
  }
  const size = lengthOf(central);
  return concat(...parts, ...central, endRecords(end, entries.length, size, at));
}

function local(entry: EntrySpec): { head: Uint8Array; body: Uint8Array } {
  const body = entry.deflate ? new Uint8Array(deflateRawSync(entry.data)) : entry.data;
  const name = utf8(entry.localName ?? entry.name);
  const head = concat(
    le(4, entry.localSignature ?? 0x04034b50),
    le(2, 20),
    le(2, entry.local?.flags ?? (entry.flags ?? 0) & ~dataDescriptor),
    le(2, entry.local?.method ?? methodOf(entry)),
    le(4, 0),
    le(4, entry.local?.crc ?? entry.crc ?? crc32(entry.data)),
    le(4, body.length),
    le(4, entry.local?.size ?? entry.data.length),
    le(2, name.length),
    le(2, 0),
    name,
  );
  return { head, body };
}

function centralHeader(entry: EntrySpec, stored: number, offset: number): Uint8Array {
  const name = utf8(entry.name);
  const extra = entry.extra ?? new Uint8Array(0);
  return concat(
    le(4, 0x02014b50),
    le(2, 20),
    le(2, 20),
    le(2, entry.flags ?? 0),
    le(2, methodOf(entry)),
    le(4, 0),
    le(4, entry.crc ?? crc32(entry.data)),
    le(4, entry.compressedSize ?? stored),
    le(4, entry.size ?? entry.data.length),
    le(2, name.length),
    le(2, extra.length),
    le(2, 0),
    le(2, 0),
    le(2, 0),
    le(4, 0),
    le(4, entry.offset ?? offset),
    name,
    extra,
  );
}

function methodOf(entry: EntrySpec): number {
  return entry.method ?? (entry.deflate ? 8 : 0);
}

function endRecords(end: EndSpec, count: number, size: number, offset: number): Uint8Array {
  const { zip64, comment = new Uint8Array(0) } = end;
  const end64 =
    zip64 === undefined
      ? []
      : [
          le(4, 0x06064b50),
          le(8, 44),
          le(2, 45),
          le(2, 45),
          le(4, 0),
          le(4, 0),
          le(8, zip64.count ?? count),
          le(8, zip64.count ?? count),
          le(8, zip64.size ?? size),
          le(8, zip64.offset ?? offset),
          le(4, 0x07064b50),
          le(4, 0),
          le(8, zip64.locator ?? offset + size),
          le(4, 1),
        ];
  return concat(
    ...end64,
    le(4, 0x06054b50),
    le(2, 0),
    le(2, end.disk ?? 0),
    le(2, end.count ?? count),
    le(2, end.count ?? count),
    le(4, end.directorySize ?? size),
    le(4, end.directoryOffset ?? offset),
    le(2, comment.length),
    comment,
  );
}

/** The names and stored bytes of a sound archive, in the order of its directory. */
export function unzipStored(archive: Uint8Array): EntrySpec[] {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = archive.length - 22;
  const entries: EntrySpec[] = [];
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < view.getUint16(end + 10, true); i++) {
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameLength));
    const size = view.getUint32(at + 24, true);
    const header = view.getUint32(at + 42, true);
    const data = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    entries.push({ name, data: archive.slice(data, data + size) });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** Little-endian bytes of a number; a BigInt where doubles are not exact. */
export function le(width: number, value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  return Uint8Array.from({ length: width }, () => {
    const byte = Number(rest & 0xffn);
    rest >>= 8n;
    return byte;
  });
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
