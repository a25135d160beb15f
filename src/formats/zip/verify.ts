import { crc32 } from 'node:zlib';
import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { QuantscopeError } from '../../core/errors';
import type { Progress } from '../../core/progress';
import { dataOffset, readEntry, refuseUnreadable, wrongChecksum } from './read';
import type { ZipEntry } from './types';

/** An entry whose bytes are not those that were saved, or that cannot be read. */
export interface EntryProblem {
  readonly entry: string;
  readonly code: string;
  readonly message: string;
}

const chunkBytes = 8 * 1024 * 1024;

/** Compressed entries are inflated whole; PyTorch stores its storages uncompressed. */
const maxInflated = 2 ** 31 - 1;

/** More problems than this say no more. */
const maxProblems = 1_000;

/** Reads every byte of an archive and compares it with the checksums. */
export async function verifyEntries(
  source: ByteSource,
  entries: readonly ZipEntry[],
  abort: AbortCheck,
  progress: Progress,
): Promise<{ records: number; bytes: number; problems: EntryProblem[] }> {
  const total = entries.reduce((sum, { compressedSize }) => sum + compressedSize, 0);
  const problems: EntryProblem[] = [];
  let done = 0;
  for (const entry of entries) {
    abort.throwIfAborted();
    progress(done, total, entry.name, 'bytes');
    try {
      await verifyEntry(source, entry, abort);
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      if (problems.length < maxProblems) problems.push({ entry: entry.name, code: error.code, message: error.message });
    }
    done += entry.compressedSize;
  }
  return { records: entries.length, bytes: total, problems };
}

async function verifyEntry(source: ByteSource, entry: ZipEntry, abort: AbortCheck): Promise<void> {
  refuseUnreadable(entry);
  if (entry.method !== 'stored' || entry.size <= chunkBytes) {
    await readEntry(source, entry, maxInflated);
    return;
  }
  const start = await dataOffset(source, entry);
  let crc = 0;
  for (let at = 0; at < entry.size; at += chunkBytes) {
    abort.throwIfAborted();
    crc = crc32(await source.read(start + at, Math.min(chunkBytes, entry.size - at)), crc);
  }
  if (crc !== entry.crc32) throw wrongChecksum(entry, crc);
}
