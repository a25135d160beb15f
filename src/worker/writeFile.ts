import { basename } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { type Disk, type DiskFile, systemDisk } from './disk';
import { writeError } from './fileErrors';
import { fillFile } from './fillFile';
import { hiddenName } from './leftovers';
import { orAborted } from './orAborted';
import { putInPlace, type ReadyFile } from './putInPlace';

/**
 * Writes a file so that a killed process leaves the old file or none, never half of one: into a
 * sibling of a random name, flushed and read back, then renamed over the target, then the folder
 * flushed. A symbolic link is replaced, not what it points to. An existing file's mode is kept.
 */
export async function writeFileAtomically(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  abort: AbortCheck,
  disk: Disk = systemDisk(),
): Promise<void> {
  await putInPlace([await prepareFile(path, chunks, abort, disk)], disk);
}

/** The same for a text, as UTF-8; returns the bytes written. */
export async function writeTextAtomically(path: string, text: string, abort: AbortCheck): Promise<number> {
  const bytes = new TextEncoder().encode(text);
  await writeFileAtomically(path, onePiece(bytes), abort);
  return bytes.length;
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** All but the last step: `putInPlace` makes it the target. What fails or is aborted leaves nothing. */
export async function prepareFile(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  abort: AbortCheck,
  disk: Disk = systemDisk(),
): Promise<ReadyFile> {
  const temporary = hiddenName(path, 'tmp');
  let filled: Promise<void> = Promise.resolve();
  try {
    const mode = await disk.mode(path);
    const file = await disk.create(temporary);
    const lasting = lastingAbort(abort);
    filled = fill(file, basename(path), chunks, mode, lasting);
    await orAborted(filled, lasting);
    return { temporary, path };
  } catch (error) {
    // The first error is the one to tell, whatever else fails while tidying up.
    const remove = () => disk.remove(temporary).catch(() => {});
    await remove();
    // Windows removes no file that is open: once more when the last write has let go of it.
    void filled.then(remove, remove);
    throw writeError(error, path);
  }
}

async function fill(
  file: DiskFile,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  mode: number | undefined,
  abort: AbortCheck,
): Promise<void> {
  try {
    if (mode !== undefined) await file.chmod(mode);
    await fillFile(file, name, chunks, abort);
  } finally {
    await file.close();
  }
}

/** An abort that was told stays one: its flag is cleared for the next request, and what wrote until then must end. */
function lastingAbort(abort: AbortCheck): AbortCheck {
  let told: unknown;
  return {
    throwIfAborted() {
      if (told !== undefined) throw told;
      try {
        abort.throwIfAborted();
      } catch (error) {
        told = error;
        throw error;
      }
    },
  };
}
