import { constants } from 'node:fs';
import { access, realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { readAhead } from '../core/byteChunks';
import { QuantscopeError } from '../core/errors';
import type { Progress } from '../core/progress';
import { formatBytes } from '../core/text';
import { updateSharedCrc32 } from '../formats/zip/crc';
import type { PlannedExport } from '../model/export/exportModel';
import { sweepLeftovers, writeFileAtomically } from './writeFile';

/** One file of an export as it was sent to the disk. */
export interface WrittenFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** CRC-32 of all of it. */
  readonly crc: number;
}

/** Targets that are being written by this process: a second export to one of them is refused. */
const underWay = new Set<string>();

/**
 * Writes the files of an export beside each other. The files are written from the last to the first, so that what a
 * person opens never names files that are not there yet. Free space is asked for before the first
 * byte; a failure leaves the file that it met, and those before it, as they were.
 */
export async function exportFiles(
  { files }: PlannedExport,
  target: string,
  source: string,
  overwrite: boolean,
  abort: AbortCheck,
  progress: Progress,
): Promise<WrittenFile[]> {
  const folder = dirname(resolve(target));
  const paths = files.map(({ name }) => join(folder, name));
  for (const path of paths) await checkTarget(path, source, overwrite);
  const total = files.reduce((sum, { plan }) => sum + plan.size, 0);
  await checkSpace(folder, total);
  await sweepLeftovers(folder);
  const claimed: (() => void)[] = [];
  const written: WrittenFile[] = [];
  try {
    for (const path of paths) claimed.push(claim(path));
    let done = 0;
    for (const i of [...files.keys()].reverse()) {
      const { name, plan } = files[i];
      let crc = 0;
      const watch = (chunk: Uint8Array, bytes: number) => {
        crc = updateSharedCrc32(crc, chunk);
        progress(done + bytes, total, name, 'bytes');
      };
      await writeFileAtomically(paths[i], watched(plan.chunks(), watch), abort);
      written.unshift({ name, path: paths[i], bytes: plan.size, crc });
      done += plan.size;
    }
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
  if (found === (await real(source))) {
    throw failure(
      'E_EXPORT_SOURCE',
      path,
      'The target is the open model itself, which is never changed.',
      'Choose another name.',
    );
  }
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

async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  watch: (chunk: Uint8Array, bytes: number) => void,
): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const chunk of readAhead(chunks)) {
    bytes += chunk.length;
    watch(chunk, bytes);
    yield chunk;
  }
}
