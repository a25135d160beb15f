import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';

/**
 * Writes a file so that a killed process leaves the old file or none, never half of one: into a
 * sibling of a random name, flushed, then renamed over the target, then the folder flushed.
 */
export async function writeFileAtomically(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  abort: AbortCheck,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0),
    );
    try {
      for await (const chunk of chunks) {
        abort.throwIfAborted();
        await writeFully(handle, chunk);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // The first error is the one to tell, whatever else fails while tidying up.
    await rm(temporary, { force: true }).catch(() => {});
    throw error instanceof QuantscopeError ? error : writeError(error, path);
  }
}

/** `write` may take fewer bytes than it was given, without an error, when the disk is almost full. */
async function writeFully(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done);
    done += bytesWritten;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; its rename is durable without.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const hints: Record<string, string> = {
  ENOSPC: 'The disk is full. Free some space and try again.',
  EACCES: 'You are not allowed to write there. Choose another folder.',
  EROFS: 'The disk is read-only. Choose another folder.',
  ENOENT: 'The folder does not exist.',
};

function writeError(error: unknown, path: string): QuantscopeError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return new QuantscopeError({
    code: 'E_WRITE',
    kind: 'io',
    message: `The file could not be written: ${code}.`,
    where: { file: basename(path) },
    hint: hints[code] ?? 'What was there before is unchanged.',
  });
}
