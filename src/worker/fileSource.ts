import { type BigIntStats, constants, fstatSync, readSync } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { ByteSource } from '../core/byteSource';
import { malformed, QuantscopeError } from '../core/errors';
import { changed, ioError, notAFile } from './fileErrors';
import { resolveSibling } from './siblingFile';

/** One read call; the OS refuses more than 2^31 − 1 bytes, and smaller pieces keep aborts quick. */
const maxReadBytes = 8 * 1024 * 1024;

/**
 * Reads up to here happen without waiting for the thread pool: three round trips to it cost more
 * than the bytes, and a graph of a thousand weights is a thousand small reads. Only the engine's
 * thread reads files, and it has nothing else to do meanwhile.
 */
const directBytes = 512 * 1024;

// Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
const readFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/**
 * A regular file as a ByteSource. Folders, pipes, sockets and devices are refused without
 * blocking on them; a file that changed since it was opened is never read on.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const name = basename(path);
  const { handle, opened } = await openRegular(path, name, readFlags);
  const lend = <T>(use: (handle: FileHandle) => Promise<T>) => use(handle);
  return {
    ...rangeReader(name, opened, lend),
    sibling: (other) => openSibling(dirname(path), other),
    close: () => handle.close(),
  };
}

/**
 * A file that a model names beside itself. It holds no handle between reads: a model may have
 * thousands of shards, and every read makes sure that it is still the same file.
 */
async function openSibling(folder: string, name: string): Promise<ByteSource | undefined> {
  const path = await resolveSibling(folder, name);
  if (path === undefined) return undefined;
  // The path has no links left; one that appears meanwhile is not followed.
  const flags = readFlags | (constants.O_NOFOLLOW ?? 0);
  const first = await openRegular(path, name, flags);
  await first.handle.close();
  if ((await realpath(path).catch(() => undefined)) !== path) throw changed(name);
  return rangeReader(name, first.opened, async (use) => {
    const { handle } = await openRegular(path, name, flags);
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  });
}

async function openRegular(path: string, name: string, flags: number) {
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (error) {
    throw ioError(error, name);
  }
  try {
    const opened = await settled(handle);
    if (!opened.isFile()) throw notAFile(name);
    return { handle, opened };
  } catch (error) {
    await handle.close();
    throw error instanceof QuantscopeError ? error : ioError(error, name);
  }
}

/** File systems stamp changes with a clock that ticks every few milliseconds. */
const clockTickMs = 20;

/**
 * The state of a file that was not written to in this tick of the clock, so that every later
 * change shows in its times (git calls the others racily clean).
 */
async function settled(handle: FileHandle): Promise<BigIntStats> {
  const stats = await handle.stat({ bigint: true });
  const age = Date.now() - Number(stats.ctimeMs);
  if (!stats.isFile() || age < 0 || age > clockTickMs) return stats;
  await new Promise((resolve) => setTimeout(resolve, clockTickMs));
  return handle.stat({ bigint: true });
}

function rangeReader(
  name: string,
  opened: BigIntStats,
  lend: (use: (handle: FileHandle) => Promise<Uint8Array>) => Promise<Uint8Array>,
): ByteSource {
  const size = Number(opened.size);
  return {
    name,
    size,
    hardLinked: opened.nlink > 1n,
    async read(offset, length, into) {
      if (
        !Number.isSafeInteger(offset) ||
        !Number.isSafeInteger(length) ||
        offset < 0 ||
        length < 0 ||
        offset + length > size
      ) {
        throw malformed('E_READ_RANGE', `A read of ${length} bytes leaves the file, which has ${size}.`, {
          where: { file: name, offset },
        });
      }
      try {
        return await lend(async (handle) => {
          if (length <= directBytes) return readDirectly(handle.fd, name, opened, offset, spaceFor(length, into));
          refuseChanged(fstatSync(handle.fd, { bigint: true }), name, opened);
          const bytes = await readFully(handle, name, offset, spaceFor(length, into));
          refuseChanged(fstatSync(handle.fd, { bigint: true }), name, opened);
          return bytes;
        });
      } catch (error) {
        throw error instanceof QuantscopeError ? error : ioError(error, name);
      }
    },
  };
}

async function readFully(handle: FileHandle, name: string, offset: number, bytes: Uint8Array): Promise<Uint8Array> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(maxReadBytes, bytes.length - done), offset + done);
    if (bytesRead === 0) throw changed(name);
    done += bytesRead;
  }
  return bytes;
}

/** Memory that is used again costs no page faults, which take longer than the bytes. */
function spaceFor(length: number, into: Uint8Array | undefined): Uint8Array {
  return into !== undefined && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
}

/** One look afterwards is enough: a change before it, also before the read, stays in the file's times. */
function readDirectly(fd: number, name: string, opened: BigIntStats, offset: number, bytes: Uint8Array): Uint8Array {
  for (let done = 0; done < bytes.length; ) {
    const bytesRead = readSync(fd, bytes, done, bytes.length - done, offset + done);
    if (bytesRead === 0) throw changed(name);
    done += bytesRead;
  }
  refuseChanged(fstatSync(fd, { bigint: true }), name, opened);
  return bytes;
}

/** What changes when a file is written to, replaced, cut, or has its times set back. */
const identity = ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const;

/** An old header must never meet new bytes: both checks around a read compare the file with the one that was opened. */
function refuseChanged(now: BigIntStats, name: string, opened: BigIntStats): void {
  if (identity.some((field) => now[field] !== opened[field])) throw changed(name);
}
