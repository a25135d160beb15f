import { constants, crc32, inflateRawSync } from 'node:zlib';
import type { ByteSource } from '../../core/byteSource';
import { malformed, type QuantscopeError, unsupported } from '../../core/errors';
import { maxDirectoryBytes, maxEntries, maxInflateRatio, maxTailBytes } from './limits';
import type { ZipArchive, ZipEntry } from './types';

/**
 * A ZIP archive read by range: the end record, the central directory, then one entry at a time.
 * Source: PKWARE APPNOTE 6.3.10. The central directory decides, as in PyTorch's reader; where
 * the file contradicts it, that is a warning or an error, never a guess.
 */

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locatorSignature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  /** Where the end record starts. */
  readonly end: number;
  readonly comment: number;
}

/** Reads the directory of an archive; entries are checked against the file, not read. */
export async function readZip(source: ByteSource): Promise<ZipArchive> {
  const directory = await findDirectory(source);
  if (directory.size > maxDirectoryBytes) {
    throw unsupported(
      'E_ZIP_DIRECTORY_LIMIT',
      `The archive's directory has ${directory.size} bytes; the limit is ${maxDirectoryBytes}.`,
    );
  }
  const bytes = await source.read(directory.offset, directory.size);
  const entries = parseDirectory(bytes, directory);
  const warnings = checkEntries(entries, directory, source.size);
  return { entries, warnings };
}

async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailLength = Math.min(source.size, maxTailBytes);
  const start = source.size - tailLength;
  const tail = await source.read(start, tailLength);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tailLength - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature || at + 22 + view.getUint16(at + 20, true) > tailLength) continue;
    return readEnd(source, view, at, start);
  }
  throw await truncated(source);
}

async function readEnd(source: ByteSource, view: DataView, at: number, start: number): Promise<Directory> {
  const end = start + at;
  const plain = {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
    end,
    comment: view.getUint16(at + 20, true),
  };
  if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true)) {
    throw unsupported('E_ZIP_MULTI_DISK', 'The archive is spread over several disks.', { where: { offset: end } });
  }
  const directory = (await readEnd64(source, end)) ?? plain;
  if (directory.offset + directory.size > end) {
    throw malformed('E_ZIP_DIRECTORY', 'The archive’s directory lies outside the file.', {
      where: { offset: end, field: 'central directory' },
      found: `${directory.size} bytes at ${directory.offset}`,
      expected: `an end before byte ${end}`,
      hint: 'The file was cut or damaged; copy it again from where it came from.',
    });
  }
  return directory;
}

/** The zip64 record, where the locator right before the end record points to a sound one. */
async function readEnd64(source: ByteSource, end: number): Promise<Directory | undefined> {
  if (end < 20) return undefined;
  const locator = dataView(await source.read(end - 20, 20));
  if (locator.getUint32(0, true) !== locatorSignature) return undefined;
  const at = Number(locator.getBigUint64(8, true));
  if (at + 56 > end) return undefined;
  const record = dataView(await source.read(at, 56));
  if (record.getUint32(0, true) !== end64Signature) return undefined;
  const count = Number(record.getBigUint64(32, true));
  const size = Number(record.getBigUint64(40, true));
  const offset = Number(record.getBigUint64(48, true));
  if (![count, size, offset].every(Number.isSafeInteger)) {
    throw malformed('E_ZIP_DIRECTORY', 'The archive’s zip64 record holds numbers that no file can have.', {
      where: { offset: at },
    });
  }
  return { count, size, offset, end: at, comment: 0 };
}

function parseDirectory(bytes: Uint8Array, directory: Directory): ZipEntry[] {
  const { count, offset } = directory;
  if (count > maxEntries) {
    throw unsupported('E_ZIP_DIRECTORY_LIMIT', `The archive says it has ${count} entries; the limit is ${maxEntries}.`);
  }
  const view = dataView(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at + 46 <= bytes.length && view.getUint32(at, true) === centralSignature) {
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) break;
    entries.push(parseEntry(view, bytes, at, nameLength, extraLength, offset));
    if (entries.length > maxEntries) break;
    at = next;
  }
  if (at !== bytes.length || entries.length === 0 || entries.length !== count) {
    throw malformed('E_ZIP_DIRECTORY', 'The archive’s directory is damaged.', {
      where: { offset: offset + at, field: 'central directory' },
      found: `${entries.length} readable entries`,
      expected: `${count}`,
    });
  }
  return entries;
}

function parseEntry(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  nameLength: number,
  extraLength: number,
  base: number,
): ZipEntry {
  const method = view.getUint16(at + 10, true);
  const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
  const sizes = zip64Sizes(view, at, at + 46 + nameLength, extraLength, base);
  return {
    name,
    method: method === 0 ? 'stored' : method === 8 ? 'deflated' : method,
    crc32: view.getUint32(at + 16, true),
    encrypted: (view.getUint16(at + 8, true) & 0x41) !== 0,
    ...sizes,
  };
}

/** Sizes and offset of 32 bits that are all ones stand in the zip64 extra field, in this order. */
function zip64Sizes(view: DataView, at: number, extraAt: number, extraLength: number, base: number) {
  const fields = {
    size: view.getUint32(at + 24, true),
    compressedSize: view.getUint32(at + 20, true),
    headerOffset: view.getUint32(at + 42, true),
  };
  let extra = extraAt;
  while (extra + 4 <= extraAt + extraLength) {
    const id = view.getUint16(extra, true);
    const length = view.getUint16(extra + 2, true);
    if (extra + 4 + length > extraAt + extraLength) break;
    if (id === 1) {
      let value = extra + 4;
      for (const key of ['size', 'compressedSize', 'headerOffset'] as const) {
        if (fields[key] !== 0xffffffff || value + 8 > extra + 4 + length) continue;
        fields[key] = Number(view.getBigUint64(value, true));
        value += 8;
      }
    }
    extra += 4 + length;
  }
  if (!Object.values(fields).every(Number.isSafeInteger)) {
    throw malformed('E_ZIP_DIRECTORY', 'An entry of the archive has a size that no file can have.', {
      where: { offset: base + at },
    });
  }
  return fields;
}

/** What several readers would read differently is said; what cannot be true is refused. */
function checkEntries(entries: readonly ZipEntry[], directory: Directory, fileSize: number) {
  const warnings: { code: string; message: string }[] = [];
  const seen = new Map<string, string>();
  const starts = new Set<number>();
  for (const { name, headerOffset, compressedSize } of entries) {
    if (headerOffset + 30 + compressedSize > directory.offset) {
      throw malformed('E_ZIP_ENTRY_RANGE', `The archive’s entry ${JSON.stringify(name)} runs past the data.`, {
        where: { entry: name, offset: headerOffset },
        found: `${compressedSize} bytes at ${headerOffset}`,
        expected: `an end before byte ${directory.offset}`,
      });
    }
    const folded = name.toLowerCase();
    const other = seen.get(folded);
    if (other === name)
      warnings.push({
        code: 'E_ZIP_DUP_NAME',
        message: `Two entries are named ${JSON.stringify(name)}; tools disagree which one counts. PyTorch and Quantscope take the first.`,
      });
    else if (other !== undefined)
      warnings.push({
        code: 'E_ZIP_NAME_CASE',
        message: `The names ${JSON.stringify(other)} and ${JSON.stringify(name)} differ only in case, which PyTorch ignores.`,
      });
    else seen.set(folded, name);
    if (starts.has(headerOffset)) {
      warnings.push({
        code: 'E_ZIP_OVERLAP',
        message: `The entry ${JSON.stringify(name)} shares its bytes with another one.`,
      });
    }
    starts.add(headerOffset);
  }
  const trailing = fileSize - directory.end - directory.comment;
  if (trailing > 22 + 20 + 56)
    warnings.push({ code: 'E_ZIP_TRAILING', message: `${trailing} bytes follow the archive’s directory.` });
  return warnings;
}

/** Where an entry's data starts: the local header has its own lengths of name and extra field. */
export async function dataOffset(source: ByteSource, entry: ZipEntry): Promise<number> {
  const header = dataView(await source.read(entry.headerOffset, 30));
  if (header.getUint32(0, true) !== localSignature) {
    throw malformed(
      'E_ZIP_LOCAL_HEADER',
      `The entry ${JSON.stringify(entry.name)} does not start with a local header.`,
      {
        where: { entry: entry.name, offset: entry.headerOffset },
        found: `0x${header.getUint32(0, true).toString(16)}`,
        expected: '0x4034b50',
      },
    );
  }
  const offset = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (offset + entry.compressedSize > source.size) {
    throw malformed('E_ZIP_ENTRY_RANGE', `The entry ${JSON.stringify(entry.name)} runs past the end of the file.`, {
      where: { entry: entry.name, offset },
    });
  }
  return offset;
}

/** A whole entry, inflated if it must be, its CRC checked. `maxSize` bounds what it may become. */
export async function readEntry(source: ByteSource, entry: ZipEntry, maxSize: number): Promise<Uint8Array> {
  refuseUnreadable(entry);
  if (entry.size > maxSize || entry.size > entry.compressedSize * maxInflateRatio + 1024) {
    throw malformed('E_ZIP_ENTRY_LIMIT', `The entry ${JSON.stringify(entry.name)} would have ${entry.size} bytes.`, {
      where: { entry: entry.name, offset: entry.headerOffset },
      expected: `at most ${maxSize}`,
      found: String(entry.size),
    });
  }
  const raw = await source.read(await dataOffset(source, entry), entry.compressedSize);
  const bytes = entry.method === 'deflated' ? inflate(raw, entry) : raw;
  const crc = crc32(bytes);
  if (crc !== entry.crc32) throw wrongChecksum(entry, crc);
  return bytes;
}

export function wrongChecksum(entry: ZipEntry, crc: number): QuantscopeError {
  return malformed('E_ZIP_CRC', `The checksum of ${JSON.stringify(entry.name)} does not match its bytes.`, {
    where: { entry: entry.name, offset: entry.headerOffset },
    found: hex(crc),
    expected: hex(entry.crc32),
    hint: 'The file was damaged after it was saved; copy it again from where it came from.',
  });
}

/** The first bytes of an entry; its CRC is checked when that is all of them. */
export async function readHead(source: ByteSource, entry: ZipEntry, length: number): Promise<Uint8Array> {
  if (entry.size <= length) return readEntry(source, entry, length);
  refuseUnreadable(entry);
  if (entry.method === 'stored') return source.read(await dataOffset(source, entry), length);
  return inflateHead(
    await source.read(await dataOffset(source, entry), Math.min(entry.compressedSize, length)),
    length,
  );
}

/** As much as the first compressed bytes give, and no more than `length`. */
function inflateHead(raw: Uint8Array, length: number): Uint8Array {
  try {
    return inflateRawSync(raw, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: length });
  } catch {
    return new Uint8Array(0);
  }
}

/** Encrypted entries and rare compressions cannot be read; stored ones must have one size. */
export function refuseUnreadable(entry: ZipEntry): void {
  const where = { entry: entry.name, offset: entry.headerOffset };
  if (entry.encrypted)
    throw unsupported('E_ZIP_ENCRYPTED', `The entry ${JSON.stringify(entry.name)} is encrypted.`, { where });
  if (typeof entry.method === 'number') {
    throw unsupported(
      'E_ZIP_METHOD',
      `The entry ${JSON.stringify(entry.name)} is compressed with method ${entry.method}, which PyTorch does not read either.`,
      { where },
    );
  }
  if (entry.method === 'stored' && entry.size !== entry.compressedSize) {
    throw malformed(
      'E_ZIP_STORED_SIZE',
      `The entry ${JSON.stringify(entry.name)} is stored, but its two sizes differ.`,
      {
        where,
        found: String(entry.compressedSize),
        expected: String(entry.size),
      },
    );
  }
}

function inflate(raw: Uint8Array, entry: ZipEntry): Uint8Array {
  try {
    const bytes = inflateRawSync(raw, { maxOutputLength: Math.max(entry.size, 1) });
    if (bytes.length === entry.size) return bytes;
  } catch {
    // Damaged or longer than it says: the same error either way.
  }
  throw malformed(
    'E_ZIP_INFLATE',
    `The entry ${JSON.stringify(entry.name)} does not inflate to the size that the directory gives.`,
    {
      where: { entry: entry.name, offset: entry.headerOffset },
      expected: String(entry.size),
    },
  );
}

/** Without an end record: counts the whole entries from the front, for a message that helps. */
async function truncated(source: ByteSource) {
  const { whole, last } = await countLocalEntries(source);
  return malformed(
    'E_ZIP_TRUNCATED',
    'The file is cut off: the table of records that a PyTorch file ends with is missing.',
    {
      where: { offset: source.size, field: 'end of central directory' },
      found:
        whole === 0
          ? `${source.size} bytes and no whole record`
          : `${whole} whole records, the last one ${JSON.stringify(last)}`,
      expected: 'an end-of-central-directory record',
      hint: 'The download or copy did not finish; fetch the file again.',
    },
  );
}

/** How many records are walked for the message about a cut file. */
const maxWalk = 10_000;

/** Walks PyTorch's local headers, whose sizes stand in the data descriptors that follow the data. */
async function countLocalEntries(source: ByteSource): Promise<{ whole: number; last: string }> {
  let whole = 0;
  let last = '';
  let at = 0;
  while (whole < maxWalk && at + 30 <= source.size) {
    const header = dataView(await source.read(at, 30));
    if (header.getUint32(0, true) !== localSignature) break;
    const nameLength = header.getUint16(26, true);
    const dataAt = at + 30 + nameLength + header.getUint16(28, true);
    if (dataAt > source.size) break;
    const name = new TextDecoder().decode(await source.read(at + 30, nameLength));
    const end = await descriptorEnd(source, dataAt);
    if (end === undefined) break;
    whole++;
    last = name;
    at = end;
  }
  return { whole, last };
}

const descriptorSearch = 64 * 1024 * 1024;

/** The end of the data descriptor (signature, CRC, two sizes) whose size equals its distance from the data. */
async function descriptorEnd(source: ByteSource, dataAt: number): Promise<number | undefined> {
  const chunk = 1 << 20;
  for (let from = dataAt; from < Math.min(source.size, dataAt + descriptorSearch); from += chunk) {
    const bytes = await source.read(from, Math.min(chunk + 16, source.size - from));
    const view = dataView(bytes);
    for (let i = 0; i + 16 <= bytes.length; i++) {
      if (bytes[i] !== 0x50 || view.getUint32(i, true) !== 0x08074b50) continue;
      if (view.getUint32(i + 12, true) === from + i - dataAt) return from + i + 16;
    }
  }
  return undefined;
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
