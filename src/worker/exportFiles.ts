import { constants } from 'node:fs';
import { access, realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { readAhead } from '../core/byteChunks';
import { QuantscopeError } from '../core/errors';
import type { Progress } from '../core/progress';
import { formatBytes } from '../core/text';
import type { PlannedExport } from '../model/export/exportModel';
import { type Disk, systemDisk } from './disk';
import { sweepLeftovers } from './leftovers';
import { putInPlace, type ReadyFile } from './putInPlace';
import { prepareFile } from './writeFile';

/** One file of an export; every byte of it was read back. */
export interface WrittenFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** Targets that are being written by this process: a second export to one of them is refused. */
const underWay = new Set<string>();

/**
 * Writes the files of an export beside each other: all are written in full and read back before the
 * first is given its name, so what fails or is cancelled leaves what was there. Free space is asked
 * for before the first byte.
 */
export async function exportFiles(
  { files }: PlannedExport,
  target: string,
  source: string,
  overwrite: boolean,
  abort: AbortCheck,
  progress: Progress,
  disk: Disk = systemDisk(),
): Promise<WrittenFile[]> {
  const folder = dirname(resolve(target));
  const written = files.map(({ name, plan }) => ({ name, path: join(folder, name), bytes: plan.size }));
  for (const { path } of written) await checkTarget(path, source, overwrite);
  const total = written.reduce((sum, { bytes }) => sum + bytes, 0);
  await checkSpace(folder, total);
  await sweepLeftovers(folder);
  const claimed: (() => void)[] = [];
  const ready: ReadyFile[] = [];
  try {
    for (const { path } of written) claimed.push(claim(path));
    let done = 0;
    for (const [i, { name, plan }] of files.entries()) {
      const watch = (bytes: number) => progress(done + bytes, total, name, 'bytes');
      ready.push(await prepareFile(written[i].path, watched(plan.chunks(), watch), abort, disk));
      done += plan.size;
    }
    abort.throwIfAborted();
  } catch (error) {
    for (const { temporary } of ready) await disk.remove(temporary).catch(() => {});
    for (const release of claimed) release();
    throw error;
  }
  try {
    await putInPlace(ready, disk);
  } finally {
    for (const release of claimed) release();
  }
  return written;
}

function claim(path: string): () => void {
  if (underWay.has(path))
    throw failure(
      'E_EXPORT_BUSY',
      path,
      'Another export is writing this file now.',
      'Wait for it, or choose another name.',
    );
  underWay.add(path);
  return () => underWay.delete(path);
}

function failure(code: string, path: string, message: string, hint: string): QuantscopeError {
  return new QuantscopeError({ code, kind: 'io', message, where: { file: basename(path) }, hint });
}

/** Symbolic links count as what they point to. */
async function real(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

/** The open model is never written over, by whatever name. */
export async function refuseSource(path: string, source: string): Promise<void> {
  const found = await real(path);
  if (found === undefined || found !== (await real(source))) return;
  throw failure(
    'E_EXPORT_SOURCE',
    path,
    'The target is the open model itself, which is never changed.',
    'Choose another name.',
  );
}

async function checkTarget(path: string, source: string, overwrite: boolean): Promise<void> {
  const found = await real(path);
  if (found === undefined) {
    await access(dirname(path), constants.W_OK).catch(() => {
      throw failure(
        'E_EXPORT_FOLDER',
        path,
        'The folder does not exist or cannot be written to.',
        'Choose another folder.',
      );
    });
    return;
  }
  await refuseSource(path, source);
  if (!(await stat(found)).isFile()) {
    throw failure(
      'E_NOT_A_FILE',
      path,
      'There is something at the target that is no regular file.',
      'Choose another name.',
    );
  }
  if (!overwrite) {
    throw failure(
      'E_EXPORT_EXISTS',
      path,
      'The target exists already.',
      'Say that it may be replaced, or choose another name.',
    );
  }
}

/** Old files stay until the new ones are whole, so all of the space is needed. */
async function checkSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new QuantscopeError({
    code: 'E_EXPORT_SPACE',
    kind: 'io',
    message: `The export needs ${formatBytes(needed)}, and the disk has ${formatBytes(free)} free.`,
    where: { file: basename(folder) },
    found: `${free} bytes`,
    expected: `${needed}`,
    hint: 'Free some space, or choose another disk.',
  });
}

async function* watched(chunks: AsyncIterable<Uint8Array>, watch: (bytes: number) => void): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const chunk of readAhead(chunks)) {
    bytes += chunk.length;
    watch(bytes);
    yield chunk;
  }
}
