import { basename } from 'node:path';
import { QuantscopeError } from '../core/errors';

/** The errors of reading files, in words that say what to do. */

export function changed(name: string): QuantscopeError {
  return new QuantscopeError({
    code: 'E_FILE_CHANGED',
    kind: 'io',
    message: 'The file changed on disk while it was open.',
    where: { file: name },
    hint: 'Reload it to see the new content.',
  });
}

export function notAFile(name: string): QuantscopeError {
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
  ELOOP: ['This link leads to itself or was put in place of a file.', 'Open the file that it should point to.'],
  ENXIO: ['This is not a regular file.', 'Open the model file itself, not a pipe or device.'],
};

const notFiles = new Set(['EISDIR', 'ENXIO', 'ELOOP']);

export function ioError(error: unknown, file: string): QuantscopeError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  const [message, hint] = ioReasons[code] ?? [`The file could not be read: ${code}.`, 'Try again.'];
  return new QuantscopeError({
    code: notFiles.has(code) ? 'E_NOT_A_FILE' : 'E_IO',
    kind: 'io',
    message,
    hint,
    where: { file },
  });
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

/** The system's error as a person is told it; ours stay as they are. */
export function writeError(error: unknown, path: string): QuantscopeError {
  if (error instanceof QuantscopeError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return new QuantscopeError({
    code: 'E_WRITE',
    kind: 'io',
    message: `The file could not be written: ${code}.`,
    where: { file: basename(path) },
    hint: hints[code] ?? 'What was there before is unchanged.',
  });
}
