import { realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { checkSiblingName, siblingPath } from '../core/siblingName';
import { ioError } from './fileErrors';

/**
 * The real path of a file that a model in `folder` names, or undefined when there is none.
 * Throws `E_SIBLING_PATH` for a name that could mean anything else before the file system is
 * asked, and for a link that leaves the folder.
 */
export async function resolveSibling(folder: string, name: string): Promise<string | undefined> {
  checkSiblingName(name);
  const root = await realOf(folder, name);
  const target = root === undefined ? undefined : await realOf(join(folder, name), name);
  if (root === undefined || target === undefined) return undefined;
  if (isInside(target, root) || isCachedBlob(target, root)) return target;
  throw siblingPath(name, 'The file names another file that is a link out of its folder.');
}

async function realOf(path: string, name: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw ioError(error, name);
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !/^[A-Za-z]:/.test(way) && !way.startsWith(sep);
}

/** Contents in a Hugging Face cache are named by their hash: SHA-1 of git, or SHA-256. */
const blobName = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** `snapshots/REVISION/file` links to `blobs/HASH` of the same repository: the one layout whose links leave the folder. */
function isCachedBlob(target: string, root: string): boolean {
  const blobs = dirname(target);
  const repository = dirname(blobs);
  const [snapshots, revision] = relative(repository, root).split(sep);
  return (
    blobName.test(target.slice(blobs.length + 1)) &&
    blobs === join(repository, 'blobs') &&
    snapshots === 'snapshots' &&
    revision !== undefined
  );
}
