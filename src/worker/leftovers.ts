import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A hidden name beside a target that nobody else has: `tmp` for a new file that is not there yet, `old` for one that is set aside. */
export function hiddenName(target: string, kind: 'tmp' | 'old'): string {
  // The name of a file that just fits would not with all that is added; a character has up to four bytes.
  const start = Array.from(basename(target)).slice(0, 40).join('');
  return join(dirname(target), `.${start}.${process.pid}.${randomBytes(6).toString('hex')}.${kind}`);
}

/** What was set aside is the only copy of something, and stays. */
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
