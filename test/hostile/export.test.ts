import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { writeFileAtomically } from '../../src/worker/writeFile';
import { seededRandom } from '../support/random';
import { contentDigest } from '../support/writerProcess';

/** `QUANTSCOPE_KILLS=1000` for the long run. */
const kills = Number(process.env.QUANTSCOPE_KILLS ?? 25);
const longestMs = 60;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('an export that does not end well', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-export-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it(`F-05: killed at ${kills} random moments leaves the old file or the new one, never a part`, async function () {
    this.timeout(kills * 1_000 + 10_000);
    const target = join(folder, 'model.pt');
    const whole = new Set([contentDigest('a'), contentDigest('b')]);
    await writeFile(target, Buffer.alloc(4 * 1024 * 1024, 'a'));
    const random = seededRandom(7);
    for (let i = 0; i < kills; i++) {
      await killWriter(target, random() * longestMs);
      assert.ok(whole.has(digest(await readFile(target))), 'the target is damaged');
    }
  });

  it('F-03: meets a full disk at every 64 KiB and leaves the old file alone', async function () {
    const mounted = join(folder, 'disk');
    await mkdir(mounted);
    if (!canMount(mounted)) this.skip();
    try {
      const target = join(mounted, 'model.pt');
      const old = Buffer.alloc(100_000, 'old');
      await writeFile(target, old);
      const step = 64 * 1024;
      for (let room = 0; room < 16; room++) {
        const filler = join(mounted, 'filler');
        await fillAllBut(filler, mounted, room * step);
        const failed = writeFileAtomically(target, chunks(17 * step, step), neverAborted);
        await assert.rejects(failed, { code: 'E_WRITE' }, `with room for ${room} pieces`);
        assert.deepEqual(await readFile(target), old);
        assert.deepEqual((await readdir(mounted)).sort(), ['filler', 'model.pt']);
        await rm(filler);
      }
      await writeFileAtomically(target, chunks(step, step), neverAborted);
      assert.equal((await readFile(target)).length, step);
    } finally {
      execFileSync('umount', [mounted]);
    }
  });
});

/** Starts the writing process and kills it so many milliseconds after it began to write. */
function killWriter(target: string, delay: number): Promise<void> {
  const script = join(__dirname, '..', 'support', 'writerProcess.js');
  const child = spawn(process.execPath, [script, target], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), delay));
    child.once('exit', () => resolve());
  });
}

/** A small disk of its own, where this process may mount one. */
function canMount(path: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function fillAllBut(file: string, disk: string, room: number): Promise<void> {
  const free = Number(execFileSync('df', ['--output=avail', '-B1', disk]).toString().trim().split('\n').at(-1));
  await writeFile(file, Buffer.alloc(Math.max(0, free - room)));
}

async function* chunks(bytes: number, piece: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes; at += piece) yield Buffer.alloc(piece, 'n');
}
