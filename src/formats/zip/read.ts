import { constants, crc32, inflateRawSync, type ZlibOptions } from 'node:zlib';
import type { ByteSource } from '../../core/byteSource';
import { malformed, type QuantscopeError, unsupported } from '../../core/errors';
import { checkEntries, type Directory } from './check';
import { maxDirectoryBytes, maxEntries, maxInflateRatio, maxTailBytes } from './limits';
import { recoverEntries } from './recover';
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

/** Reads the directory of an archive; entries are checked against the file, not read. */
export async function readZip(source: ByteSource): Promise<ZipArchive> {
  const directory = await findDirectory(source);
  if (directory === undefined) return recoverEntries(source);
  if (directory.size > maxDirectoryBytes) {
    throw unsupported(
      'E_ZIP_DIRECTORY_LIMIT',
      `The archive's directory has ${directory.size} bytes; the limit is ${maxDirectoryBytes}.`,
      { where: { offset: directory.end, field: 'central directory' } },
    );
  }
  if (directory.count > maxEntries) throw tooManyEntries(directory);
  const bytes = await source.read(directory.offset, directory.size);
  const entries = parseDirectory(bytes, directory);
  const warnings = checkEntries(entries, directory, source.size);
  return { entries, recovered: false, warnings: [...twoEnds(directory, entries), ...warnings] };
}

/** The last end record whose comment fits into the file; undefined when there is none. */
async function findDirectory(source: ByteSource): Promise<Directory | undefined> {
  const tailLength = Math.min(source.size, maxTailBytes);
  const start = source.size - tailLength;
  const tail = await source.read(start, tailLength);
  const view = dataView(tail);
  const ends: number[] = [];
  for (let at = tailLength - 22; at >= 0; at--) {
    if (view.getUint32(at, true) === endSignature && at + 22 + view.getUint16(at + 20, true) <= tailLength)
      ends.push(at);
  }
  if (ends.length === 0) return undefined;
  const directory = await readEnd(source, view, ends[0], start);
  return { ...directory, ends: ends.map((at) => start + at) };
}

/**
 * Other end records than the one that counts. An archive that is stored as a record of this one, as
 * torch.export does with its sample inputs, has one too, and no reader stops there.
 */
function twoEnds({ ends, offset }: Directory, entries: readonly ZipEntry[]): ZipArchive['warnings'] {
  const first = entries.reduce((least, { headerOffset }) => Math.min(least, headerOffset), offset);
  const odd = ends.filter((at, i) => i === 0 || at >= offset || at < first);
  if (odd.length < 2) return [];
  const places = odd.slice(0, 4).map((at) => `byte ${at}`);
  const message = `The file has ${odd.length} end records of archives, at ${places.join(' and ')}; tools disagree which archive this is. Quantscope reads the directory that the last one names, as PyTorch does.`;
  return [{ code: 'E_ZIP_TWO_EOCD', message }];
}

async function readEnd(
  source: ByteSource,
  view: DataView,
  at: number,
  start: number,
): Promise<Omit<Directory, 'ends'>> {
  const end = start + at;
  const count = view.getUint16(at + 10, true);
  const plain = { count, size: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true), end };
  if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true)) {
    throw unsupported('E_ZIP_MULTI_DISK', 'The archive is spread over several disks.', { where: { offset: end } });
  }
  const { record, warnings } = await readEnd64(source, end, count);
  const directory = { ...(record ?? plain), archiveEnd: end + 22 + view.getUint16(at + 20, true), warnings };
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

type End64 = Pick<Directory, 'count' | 'size' | 'offset' | 'end'>;

/** The zip64 record, where the locator right before the end record points to a sound one. */
async function readEnd64(source: ByteSource, end: number, plainCount: number) {
  const none = { record: undefined, warnings: [] };
  if (end < 20) return none;
  const locator = dataView(await source.read(end - 20, 20));
  if (locator.getUint32(0, true) !== locatorSignature) return none;
  const at = Number(locator.getBigUint64(8, true));
  const record = at + 56 > end ? undefined : dataView(await source.read(at, 56));
  if (record?.getUint32(0, true) !== end64Signature) {
    const message = `The archive’s zip64 locator points to byte ${at}, where no zip64 record is; it was ignored.`;
    return { record: undefined, warnings: [{ code: 'E_ZIP64_LOCATOR', message }] };
  }
  const count = Number(record.getBigUint64(32, true));
  const size = Number(record.getBigUint64(40, true));
  const offset = Number(record.getBigUint64(48, true));
  if (![count, size, offset].every(Number.isSafeInteger)) {
    throw malformed('E_ZIP_DIRECTORY', 'The archive’s zip64 record holds numbers that no file can have.', {
      where: { offset: at },
    });
  }
  const found: End64 = { count, size, offset, end: at };
  if (plainCount === count || plainCount === 0xffff) return { record: found, warnings: [] };
  const message = `The archive’s end records disagree: ${plainCount} entries and ${count}. The second was taken.`;
  return { record: found, warnings: [{ code: 'E_ZIP_COUNT', message }] };
}

function tooManyEntries({ count, end }: Directory): QuantscopeError {
  return unsupported('E_ZIP_DIRECTORY_LIMIT', `The archive says it has ${count} entries; the limit is ${maxEntries}.`, {
    where: { offset: end, field: 'number of entries' },
  });
}

function parseDirectory(bytes: Uint8Array, directory: Directory): ZipEntry[] {
  const { count, offset } = directory;
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
      // Offsets of a second archive count from its own start: PyTorch refuses these files too.
      hint: twoEnds(directory, entries)[0]?.message,
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

/** Where an entry's data starts: the local header has its own lengths of name and extra field. */
export async function dataOffset(source: ByteSource, entry: ZipEntry): Promise<number> {
  const known = dataOffsets.get(entry) ?? (await readDataOffset(source, entry));
  dataOffsets.set(entry, known);
  return known;
}

/** A storage that is read in a thousand tiles has one local header. */
const dataOffsets = new WeakMap<ZipEntry, number>();

async function readDataOffset(source: ByteSource, entry: ZipEntry): Promise<number> {
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
  const bytes = await readUnchecked(source, entry, maxSize);
  const crc = crc32(bytes);
  if (crc !== entry.crc32) throw wrongChecksum(entry, crc);
  return bytes;
}

/** The same with the error in place of throwing it, for bytes that are worth showing although they are damaged. */
export async function readDamaged(
  source: ByteSource,
  entry: ZipEntry,
  maxSize: number,
): Promise<{ bytes: Uint8Array; damage: QuantscopeError | undefined }> {
  const bytes = await readUnchecked(source, entry, maxSize);
  const crc = crc32(bytes);
  return { bytes, damage: crc === entry.crc32 ? undefined : wrongChecksum(entry, crc) };
}

async function readUnchecked(source: ByteSource, entry: ZipEntry, maxSize: number): Promise<Uint8Array> {
  refuseUnreadable(entry);
  if (entry.size > maxSize || entry.size > entry.compressedSize * maxInflateRatio + 1024) {
    throw malformed('E_ZIP_ENTRY_LIMIT', `The entry ${JSON.stringify(entry.name)} would have ${entry.size} bytes.`, {
      where: { entry: entry.name, offset: entry.headerOffset },
      expected: `at most ${maxSize}`,
      found: String(entry.size),
    });
  }
  const raw = await source.read(await dataOffset(source, entry), entry.compressedSize);
  return entry.method === 'deflated' ? inflate(raw, entry) : raw;
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
    return inflated(raw, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: length });
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
    const bytes = inflated(raw, { maxOutputLength: Math.max(entry.size, 1) });
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

/** zlib gives a Buffer, whose `slice` shares the bytes that every other array copies. */
function inflated(raw: Uint8Array, options: ZlibOptions): Uint8Array {
  const { buffer, byteOffset, length } = inflateRawSync(raw, options);
  return new Uint8Array(buffer, byteOffset, length);
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
