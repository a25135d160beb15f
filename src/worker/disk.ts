import { constants, readSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { ReadBackThread } from './readBack';

/** A file that is being written and read back. */
export interface DiskFile {
  /** May take fewer bytes than it was given, without an error, when the disk is almost full. Returns how many it took. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Returns how many bytes there were, 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  chmod(mode: number): Promise<void>;
  /** All that was written is on the disk when it returns. */
  sync(): Promise<void>;
  close(): Promise<void>;
  /** A thread that flushes and reads back while this one writes, where there is one. */
  readBackThread?(): ReadBackThread;
}

/** What writing files asks of the system; a test has one that remembers, forgets or fails. */
export interface Disk {
  /** A new file of that name; an existing one, also a link, is an error. */
  create(path: string): Promise<DiskFile>;
  /** The permission bits of what is there, following links; undefined where there is nothing. */
  mode(path: string): Promise<number | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Nothing to remove is no error. */
  remove(path: string): Promise<void>;
  /** The names in a folder are on the disk when it returns. */
  syncFolder(folder: string): Promise<void>;
}

const createFlags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

/** The system's files. `script` is the bundle of the thread that reads back; without it the calling one does. */
export function systemDisk(script?: string): Disk {
  return {
    create: async (path) => diskFile(await open(path, createFlags), script),
    mode: (path) =>
      stat(path).then(
        (found) => found.mode & 0o777,
        () => undefined,
      ),
    rename: (from, to) => renamePatiently(from, to),
    remove: (path) => rm(path, { force: true }),
    async syncFolder(folder) {
      // Windows cannot open a folder; its rename is durable without.
      if (process.platform === 'win32') return;
      const handle = await open(folder, 'r');
      try {
        // Shared folders of virtual machines, and some network disks, have no such call for a folder.
        await handle.sync().catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'EINVAL') throw error;
        });
      } finally {
        await handle.close();
      }
    },
  };
}

/**
 * Reads and writes happen without waiting for the thread pool: for pieces that go to and from the page
 * cache the way there takes as long as the work. Only the engine's thread writes, and it lets other
 * requests in between.
 */
function diskFile(handle: FileHandle, script: string | undefined): DiskFile {
  const { fd } = handle;
  return {
    write: async (bytes, position) => writeSync(fd, bytes, 0, bytes.length, position),
    read: async (into, position) => readSync(fd, into, 0, into.length, position),
    chmod: (mode) => handle.chmod(mode),
    sync: () => handle.sync(),
    close: () => handle.close(),
    ...(script !== undefined && { readBackThread: () => new ReadBackThread(script, fd) }),
  };
}

const patience = { platform: process.platform, firstMs: 20, longestMs: 10_000 };

/** Windows refuses to replace a file that a scanner or an editor holds for a moment: tried again for ten seconds. */
export async function renamePatiently(
  from: string,
  to: string,
  { platform, firstMs, longestMs } = patience,
  replace = rename,
): Promise<void> {
  const deadline = Date.now() + longestMs;
  for (let wait = firstMs; ; wait *= 2) {
    try {
      await replace(from, to);
      return;
    } catch (error) {
      if (platform !== 'win32' || !isHeld(error) || Date.now() + wait > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Another program has the file, as far as the system tells. */
export function isHeld(error: unknown): boolean {
  return ['EPERM', 'EBUSY', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}
