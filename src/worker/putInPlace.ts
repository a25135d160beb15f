import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { QuantscopeError } from '../core/errors';
import { type Disk, isHeld } from './disk';
import { writeError } from './fileErrors';
import { hiddenName } from './leftovers';

/** A file that lies whole beside its target, flushed and read back; the target is as it was. */
export interface ReadyFile {
  readonly temporary: string;
  readonly path: string;
}

/**
 * Gives the files of one export their names, all or none: what fails is undone. The first is the one
 * that people open and that names the others. It goes first and comes last, with the folder flushed
 * between the steps, so that it never stands beside files that it was not written with: a process
 * killed in these milliseconds leaves it missing, and all that was there before, some of it under
 * hidden names ending in `.old`.
 */
export async function putInPlace(files: readonly ReadyFile[], disk: Disk): Promise<void> {
  const [entry] = files;
  const folder = dirname(entry.path);
  try {
    if (files.length > 1) return await replaceTogether(files, folder, disk);
    await replace(entry, disk);
    await disk.syncFolder(folder).catch((error: unknown) => {
      throw unflushed(error, entry.path);
    });
  } catch (error) {
    for (const { temporary } of files) await disk.remove(temporary).catch(() => {});
    throw writeError(error, entry.path);
  }
}

/** One file, which is kept where the old one cannot be replaced now. */
async function replace({ temporary, path }: ReadyFile, disk: Disk): Promise<void> {
  try {
    await disk.rename(temporary, path);
  } catch (error) {
    if (!isHeld(error)) throw error;
    const kept = `${path}.${randomBytes(3).toString('hex')}.new`;
    await disk.rename(temporary, kept);
    throw new QuantscopeError({
      code: 'E_WRITE_HELD',
      kind: 'io',
      message: `The file could not be replaced: ${(error as NodeJS.ErrnoException).code}.`,
      where: { file: basename(path) },
      found: basename(kept),
      hint: `Another program holds it. What was written lies beside it as ${basename(kept)}: rename it when the other program lets go.`,
    });
  }
}

/** The target is the new file by then, which a later loss of power may undo. */
function unflushed(error: unknown, path: string): QuantscopeError {
  const { details } = writeError(error, path);
  return new QuantscopeError({ ...details, hint: 'The new file is in its place, but a loss of power may undo that.' });
}

async function replaceTogether(files: readonly ReadyFile[], folder: string, disk: Disk): Promise<void> {
  const [entry, ...others] = files;
  const undo: (() => Promise<void>)[] = [];
  const aside: string[] = [];
  const setAside = async ({ path }: ReadyFile) => {
    if ((await disk.mode(path)) === undefined) return;
    const old = hiddenName(path, 'old');
    await disk.rename(path, old);
    aside.push(old);
    undo.push(() => disk.rename(old, path));
  };
  const place = async ({ temporary, path }: ReadyFile) => {
    await disk.rename(temporary, path);
    undo.push(() => disk.remove(path));
  };
  // On the way back a folder that cannot be flushed is no reason to stop.
  const boundary = async () => {
    undo.push(() => disk.syncFolder(folder).catch(() => {}));
    await disk.syncFolder(folder);
  };
  try {
    await setAside(entry);
    await boundary();
    for (const file of others) await setAside(file);
    await boundary();
    for (const file of others) await place(file);
    await boundary();
    await place(entry);
    await disk.syncFolder(folder);
  } catch (error) {
    await undoAll(undo, aside[0] ?? entry.path, error);
    throw error;
  }
  for (const old of aside) await disk.remove(old).catch(() => {});
}

/** In reverse order, so that the first file comes back only when all others have. */
async function undoAll(undo: (() => Promise<void>)[], path: string, why: unknown): Promise<void> {
  try {
    for (const step of undo.reverse()) await step();
  } catch (error) {
    const [code, next] = [why, error].map((one) => (one as NodeJS.ErrnoException).code ?? 'unknown');
    throw new QuantscopeError({
      code: 'E_EXPORT_UNDO',
      kind: 'io',
      message: `The files could not all be replaced (${code}), nor all be put back (${next}).`,
      where: { file: basename(path) },
      hint: 'What was there before lies beside, in the hidden files that end in .old.',
    });
  }
}
