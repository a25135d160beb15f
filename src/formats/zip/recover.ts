import type { ByteSource } from '../../core/byteSource';
import { malformed } from '../../core/errors';
import { maxRecoveredBytes, maxRecoveredEntries } from './limits';
import type { ZipArchive, ZipEntry } from './types';

/**
 * An archive without its directory, as an interrupted download leaves it: the records from the
 * front, as long as they are whole. Sizes stand in the local header, or, as PyTorch writes them,
 * in a descriptor behind the data.
 */
export async function recoverEntries(source: ByteSource): Promise<ZipArchive> {
  const { entries, stoppedAt } = await walkLocalHeaders(source, 0);
  if (entries.length === 0) {
    throw malformed(
      'E_ZIP_TRUNCATED',
      'The file is cut off: the table of records that a PyTorch file ends with is missing.',
      {
        where: { offset: source.size, field: 'end of central directory' },
        found: `${source.size} bytes and no whole record`,
        expected: 'an end-of-central-directory record',
        hint: 'The download or copy did not finish; fetch the file again.',
      },
    );
  }
  const last = entries[entries.length - 1];
  return {
    entries,
    recovered: true,
    warnings: [
      {
        code: 'E_ZIP_TRUNCATED',
        message: `The end of the file is missing, where the table of its records stands; other readers refuse it. ${entries.length} whole records were found from the front, the last one ${JSON.stringify(last.name.slice(0, 80))}. The download or copy did not finish.`,
      },
      ...(stoppedAt === undefined ? [] : [stopped(entries.length, stoppedAt)]),
    ],
  };
}

/** The whole records from byte `start` on, whatever the archive's directory says. */
export async function entriesFrom(source: ByteSource, start: number): Promise<ZipArchive> {
  const { entries, stoppedAt } = await walkLocalHeaders(source, start);
  return { entries, recovered: true, warnings: stoppedAt === undefined ? [] : [stopped(entries.length, stoppedAt)] };
}

const localSignature = 0x04034b50;
const descriptorSignature = 0x08074b50;
const descriptorFlag = 0x08;

/** `stoppedAt` is where the search ended for its limits, although another record begins there. */
async function walkLocalHeaders(
  source: ByteSource,
  start: number,
): Promise<{ entries: ZipEntry[]; stoppedAt: number | undefined }> {
  const entries: ZipEntry[] = [];
  let at = start;
  while (at + 30 <= source.size) {
    const beyond = entries.length >= maxRecoveredEntries || at + 30 > maxRecoveredBytes;
    if (beyond) return { entries, stoppedAt: (await startsRecord(source, at)) ? at : undefined };
    const found = await wholeEntry(source, at);
    if (found === undefined) break;
    entries.push(found.entry);
    at = found.end;
  }
  return { entries, stoppedAt: undefined };
}

async function startsRecord(source: ByteSource, at: number): Promise<boolean> {
  return viewOf(await source.read(at, 4)).getUint32(0, true) === localSignature;
}

function stopped(count: number, at: number): ZipArchive['warnings'][number] {
  const message = `More records follow from byte ${at} on. They were not looked for: a file without its table is searched for ${maxRecoveredEntries} records in its first ${maxRecoveredBytes} bytes, and ${count} were found.`;
  return { code: 'E_ZIP_DIRECTORY_LIMIT', message };
}

async function wholeEntry(source: ByteSource, at: number): Promise<{ entry: ZipEntry; end: number } | undefined> {
  const header = viewOf(await source.read(at, 30));
  if (header.getUint32(0, true) !== localSignature) return undefined;
  const flags = header.getUint16(6, true);
  const method = header.getUint16(8, true);
  const nameLength = header.getUint16(26, true);
  const dataAt = at + 30 + nameLength + header.getUint16(28, true);
  if (dataAt > source.size) return undefined;
  const name = new TextDecoder().decode(await source.read(at + 30, nameLength));
  const common = {
    name,
    method: method === 0 ? ('stored' as const) : method === 8 ? ('deflated' as const) : method,
    headerOffset: at,
    encrypted: (flags & 0x41) !== 0,
  };
  if ((flags & descriptorFlag) === 0) {
    const compressedSize = header.getUint32(18, true);
    const end = dataAt + compressedSize;
    if (end > source.size) return undefined;
    const size = header.getUint32(22, true);
    return { entry: { ...common, crc32: header.getUint32(14, true), compressedSize, size }, end };
  }
  const descriptor = await findDescriptor(source, dataAt);
  if (descriptor === undefined) return undefined;
  const { end, ...sizes } = descriptor;
  return { entry: { ...common, ...sizes }, end };
}

const chunkBytes = 1 << 20;

/** The data descriptor (signature, CRC, two sizes) whose size equals its distance from the data. */
async function findDescriptor(source: ByteSource, dataAt: number) {
  const limit = Math.min(source.size, maxRecoveredBytes);
  for (let from = dataAt; from < limit; from += chunkBytes) {
    const bytes = await source.read(from, Math.min(chunkBytes + 24, source.size - from));
    const view = viewOf(bytes);
    for (let i = bytes.indexOf(0x50); i >= 0 && i < chunkBytes; i = bytes.indexOf(0x50, i + 1)) {
      if (i + 16 > bytes.length || view.getUint32(i, true) !== descriptorSignature) continue;
      const found = descriptorAt(view, i, from + i - dataAt);
      if (found !== undefined) return { ...found, end: from + i + found.length };
    }
  }
  return undefined;
}

/** Sizes of four bytes, or of eight in large files. */
function descriptorAt(view: DataView, at: number, distance: number) {
  const crc32 = view.getUint32(at + 4, true);
  if (view.getUint32(at + 8, true) === distance) {
    return { crc32, compressedSize: distance, size: view.getUint32(at + 12, true), length: 16 };
  }
  if (at + 24 > view.byteLength || Number(view.getBigUint64(at + 8, true)) !== distance) return undefined;
  const size = Number(view.getBigUint64(at + 16, true));
  return Number.isSafeInteger(size) ? { crc32, compressedSize: distance, size, length: 24 } : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
