import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSource } from '../core/byteSource';
import { type ErrorDetails, malformed, QuantscopeError } from '../core/errors';

/** One read call; the OS refuses more than 2^31 − 1 bytes, and smaller pieces keep aborts quick. */
const maxReadBytes = 8 * 1024 * 1024;

export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/**
 * A regular file as a ByteSource. Folders, pipes, sockets and devices are refused without
 * blocking on them; a file that changed since it was opened is never read on.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const name = basename(path);
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw ioError(error, name);
  }
  try {
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) throw notAFile(name);
    return fileSource(handle, name, opened);
  } catch (error) {
    await handle.close();
    throw error instanceof QuantscopeError ? error : ioError(error, name);
  }
}

function fileSource(handle: FileHandle, name: string, opened: BigIntStats): FileSource {
  const size = Number(opened.size);
  return {
    name,
    size,
    async read(offset, length) {
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
      const bytes = new Uint8Array(length);
      try {
        await refuseChanged(handle, name, opened);
        for (let done = 0; done < length; ) {
          const { bytesRead } = await handle.read(bytes, done, Math.min(maxReadBytes, length - done), offset + done);
          if (bytesRead === 0) throw changed(name);
          done += bytesRead;
        }
        await refuseChanged(handle, name, opened);
      } catch (error) {
        throw error instanceof QuantscopeError ? error : ioError(error, name);
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** An old header must never meet new bytes: both checks around a read compare the file with the one that was opened. */
async function refuseChanged(handle: FileHandle, name: string, opened: BigIntStats): Promise<void> {
  const now = await handle.stat({ bigint: true });
  if (now.size !== opened.size || now.mtimeNs !== opened.mtimeNs) throw changed(name);
}

function changed(name: string): QuantscopeError {
  return new QuantscopeError({
    code: 'E_FILE_CHANGED',
    kind: 'io',
    message: 'The file changed on disk while it was open.',
    where: { file: name },
    hint: 'Reload it to see the new content.',
  });
}

function notAFile(name: string): QuantscopeError {
  return new QuantscopeError({
    code: 'E_NOT_A_FILE',
    kind: 'io',
    message: 'This is not a regular file.',
    where: { file: name },
    hint: 'Open the model file itself, not a folder, pipe or device.',
  });
}

const ioReasons: Record<string, readonly [string, string]> = {
  ENOENT: ['The file does not exist.', 'Check the path; it may have been moved or deleted.'],
  EACCES: ['You are not allowed to read this file.', 'Check its permissions.'],
  EPERM: ['You are not allowed to read this file.', 'Check its permissions.'],
  EISDIR: ['This is a folder.', 'Open the model file inside it.'],
  ELOOP: ['This link points to itself.', 'Open the file that it should point to.'],
  ENXIO: ['This is not a regular file.', 'Open the model file itself, not a pipe or device.'],
};

function ioError(error: unknown, file: string): QuantscopeError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  const [message, hint] = ioReasons[code] ?? [`The file could not be read: ${code}.`, 'Try again.'];
  const details: ErrorDetails = {
    code: code === 'EISDIR' || code === 'ENXIO' ? 'E_NOT_A_FILE' : 'E_IO',
    kind: 'io',
    message,
    hint,
    where: { file },
  };
  return new QuantscopeError(details);
}
