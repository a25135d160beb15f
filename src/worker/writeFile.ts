import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';

/** What `write` is asked to take at once: an abort is seen between two pieces. */
const pieceBytes = 8 * 1024 * 1024;

/**
 * Writes a file so that a killed process leaves the old file or none, never half of one: into a
 * sibling of a random name, flushed, then renamed over the target, then the folder flushed. A
 * symbolic link is replaced, not what it points to. An existing file's mode is kept.
 */
export async function writeFileAtomically(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  abort: AbortCheck,
): Promise<void> {
  const temporary = temporaryName(path);
  let filled: Promise<void> = Promise.resolve();
  try {
    const mode = await stat(path).then(
      (found) => found.mode & 0o777,
      () => undefined,
    );
    const handle = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0),
    );
    const lasting = lastingAbort(abort);
    filled = fill(handle, chunks, mode, lasting);
    await orAborted(filled, lasting);
    await renamePatiently(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // The first error is the one to tell, whatever else fails while tidying up.
    const remove = () => rm(temporary, { force: true }).catch(() => {});
    await remove();
    // Windows removes no file that is open: once more when the last write has let go of it.
    void filled.then(remove, remove);
    throw error instanceof QuantscopeError ? error : writeError(error, path);
  }
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

async function fill(
  handle: FileHandle,
  chunks: AsyncIterable<Uint8Array>,
  mode: number | undefined,
  abort: AbortCheck,
): Promise<void> {
  try {
    await writeAll(handle, chunks, abort);
    abort.throwIfAborted();
    if (mode !== undefined) await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
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

const abortPollMs = 20;

/** A flush of the disk takes as long as it takes: an abort does not wait for it. */
function orAborted(work: Promise<void>, abort: AbortCheck): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        abort.throwIfAborted();
      } catch (error) {
        clearInterval(timer);
        reject(error);
      }
    }, abortPollMs);
    const stop = () => clearInterval(timer);
    work.finally(stop).then(resolve, reject);
  });
}

/** Bytes after which the disk is asked to keep what it has, so that the last flush has little left. */
const flushBytes = 64 * 1024 * 1024;

/** The next chunk is made while one is written, and the disk flushes beside both. */
async function writeAll(handle: FileHandle, chunks: AsyncIterable<Uint8Array>, abort: AbortCheck): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  let flushing: Promise<void> | undefined;
  let unflushed = 0;
  // What a flush has lost no later one reports again.
  let lost: unknown;
  const flush = async () => {
    await handle.datasync().catch((error: unknown) => {
      lost = error;
    });
    flushing = undefined;
  };
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        await writing;
        abort.throwIfAborted();
        if (lost !== undefined) throw lost;
        const piece = chunk.subarray(at, at + pieceBytes);
        writing = writeFully(handle, piece);
        // Heard above, or below; an error in between must not count as unhandled.
        writing.catch(() => {});
        unflushed += piece.length;
        if (unflushed < flushBytes || flushing !== undefined) continue;
        unflushed = 0;
        flushing = flush();
      }
    }
    await writing;
  } finally {
    // Nothing may use the file after it is closed.
    await writing.catch(() => {});
    await flushing;
  }
  if (lost !== undefined) throw lost;
}

function temporaryName(target: string): string {
  // The name of a file that just fits would not with all that is added; a character has up to four bytes.
  const start = Array.from(basename(target)).slice(0, 40).join('');
  return join(dirname(target), `.${start}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
}

const leftoverName = /^\..+\.(\d+)\.[0-9a-f]{12}\.tmp$/;
const leftoverAgeMs = 24 * 60 * 60 * 1000;

/** Removes what killed exports left in a folder: our own names, older than a day, of a process that is gone. */
export async function sweepLeftovers(folder: string, now = Date.now()): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = leftoverName.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(folder, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => now - mtimeMs,
      () => 0,
    );
    if (age > leftoverAgeMs) await rm(path, { force: true }).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** `write` may take fewer bytes than it was given, without an error, when the disk is almost full. */
async function writeFully(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done);
    done += bytesWritten;
  }
}

const renamePatienceMs = 10_000;

/** Windows refuses to replace a file that a scanner or an editor holds for a moment. */
async function renamePatiently(from: string, to: string): Promise<void> {
  const deadline = Date.now() + renamePatienceMs;
  for (let wait = 20; ; wait *= 2) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const busy = process.platform === 'win32' && (code === 'EPERM' || code === 'EBUSY' || code === 'EACCES');
      if (!busy || Date.now() + wait > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
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
  EDQUOT: 'Your share of the disk is used up. Free some space and try again.',
  EACCES: 'You are not allowed to write there. Choose another folder.',
  EPERM: 'You are not allowed to write there. Choose another folder.',
  EROFS: 'The disk is read-only. Choose another folder.',
  ENOENT: 'The folder does not exist.',
  ENAMETOOLONG: 'The name is too long. Choose a shorter one.',
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
