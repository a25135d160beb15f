import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted, sharedAbort } from '../../../src/core/abort';
import type { QuantscopeError } from '../../../src/core/errors';
import { renamePatiently } from '../../../src/worker/disk';
import { writeFileAtomically, writeTextAtomically } from '../../../src/worker/writeFile';
import { temporaryFolder } from '../../support/bundles';
import { RecordingDisk, systemError, withFiles } from '../../support/recordingDisk';

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe('writeFileAtomically', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('writes all chunks and leaves nothing else', async () => {
    await writeFileAtomically(at('a.pt'), chunks('one', '', 'two'), neverAborted);
    assert.equal(await readFile(at('a.pt'), 'utf8'), 'onetwo');
    assert.deepEqual(await readdir(folder), ['a.pt']);
  });

  it('replaces what was there', async () => {
    await writeFile(at('a.pt'), 'a much longer old content');
    await writeFileAtomically(at('a.pt'), chunks('new'), neverAborted);
    assert.equal(await readFile(at('a.pt'), 'utf8'), 'new');
  });

  it('writes a text as UTF-8 over what was there, and says its bytes', async () => {
    await writeFile(at('a.html'), 'a much longer old content');
    assert.equal(await writeTextAtomically(at('a.html'), '양자화', neverAborted), 9);
    assert.equal(await readFile(at('a.html'), 'utf8'), '양자화');
  });

  it('replaces a link, not what it points to', async function () {
    if (process.platform === 'win32') this.skip();
    await writeFile(at('target'), 'untouched');
    await symlink(at('target'), at('a.pt'));
    await writeFileAtomically(at('a.pt'), chunks('new'), neverAborted);
    assert.equal(await readFile(at('target'), 'utf8'), 'untouched');
    assert.equal(await readFile(at('a.pt'), 'utf8'), 'new');
  });

  it('the target is not touched before the last chunk is written', async () => {
    await writeFile(at('a.pt'), 'old');
    const seen: string[] = [];
    async function* watching(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      seen.push(await readFile(at('a.pt'), 'utf8'));
      yield Buffer.from('whole');
    }
    await writeFileAtomically(at('a.pt'), watching(), neverAborted);
    assert.deepEqual([...seen, await readFile(at('a.pt'), 'utf8')], ['old', 'halfwhole']);
  });

  describe('leaves the old file and no other', () => {
    async function assertUntouched(): Promise<void> {
      assert.deepEqual(await readdir(folder), ['a.pt']);
      assert.equal(await readFile(at('a.pt'), 'utf8'), 'old');
    }

    beforeEach(() => writeFile(at('a.pt'), 'old'));

    it('when it is aborted between chunks', async () => {
      const flag = new Int32Array(new SharedArrayBuffer(4));
      async function* aborting(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('half');
        flag[0] = 1;
        yield Buffer.from('whole');
      }
      await assert.rejects(writeFileAtomically(at('a.pt'), aborting(), sharedAbort(flag)), { code: 'E_ABORTED' });
      await assertUntouched();
    });

    it('when the writing of a text is aborted', async () => {
      const flag = new Int32Array(new SharedArrayBuffer(4)).fill(1);
      await assert.rejects(writeTextAtomically(at('a.pt'), 'whole', sharedAbort(flag)), { code: 'E_ABORTED' });
      await assertUntouched();
    });

    it('when the next request clears the flag while a chunk is made: no other chunk is asked for', async () => {
      const flag = new Int32Array(new SharedArrayBuffer(4));
      let made = 0;
      let end = () => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      let next = () => {};
      const cleared = new Promise<void>((resolve) => {
        next = resolve;
      });
      async function* slow(): AsyncGenerator<Uint8Array> {
        try {
          flag[0] = 1;
          await cleared;
          for (; made < 10; made++) yield Buffer.from('more');
        } finally {
          end();
        }
      }
      await assert.rejects(writeFileAtomically(at('a.pt'), slow(), sharedAbort(flag)), { code: 'E_ABORTED' });
      flag[0] = 0;
      next();
      await ended;
      assert.equal(made, 0);
      await assertUntouched();
    });

    it('when the content fails', async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('half');
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      }
      await assert.rejects(
        writeFileAtomically(at('a.pt'), failing(), neverAborted),
        (error: { code?: string; details?: { hint?: string } }) => {
          assert.equal(error.code, 'E_WRITE');
          assert.match(error.details?.hint ?? '', /disk is full/);
          return true;
        },
      );
      await assertUntouched();
    });
  });

  describe('reads back', () => {
    const old = new Map([['/m/a.pt', 'old']]);

    const misreadings: readonly [what: string, misread: (bytes: Uint8Array) => Uint8Array][] = [
      ['another byte', (bytes) => bytes.map((byte) => byte ^ 1)],
      ['fewer bytes', (bytes) => bytes.subarray(1)],
      ['none', () => new Uint8Array(0)],
      ['more bytes than were written', (bytes) => (bytes.length > 0 ? bytes : Uint8Array.of(0))],
    ];
    for (const [what, misread] of misreadings) {
      it(`what it wrote, and leaves the old file when the disk gives ${what}`, async () => {
        const disk = new RecordingDisk(old, undefined, misread);
        await assert.rejects(writeFileAtomically('/m/a.pt', chunks('one', 'two'), neverAborted, disk), {
          code: 'E_EXPORT_VERIFY',
        });
        assert.deepEqual(disk.files(), old);
      });
    }

    it('after the flush, and renames after that', async () => {
      const disk = new RecordingDisk(old);
      await writeFileAtomically('/m/a.pt', chunks('one', 'two'), neverAborted, disk);
      const kinds = disk.log.map(({ kind }) => kind);
      const steps = ['create', 'chmod', 'write', 'sync', 'read', 'close', 'rename', 'syncFolder'];
      assert.deepEqual([...new Set(kinds.filter((kind) => kind !== 'mode'))], steps);
    });
  });

  describe('F-08: a target that another program holds', () => {
    const held = (times: number) => {
      let calls = 0;
      const replace = async () => {
        if (++calls <= times) throw systemError('EBUSY');
      };
      return { replace, calls: () => calls };
    };
    const windows = { platform: 'win32' as const, firstMs: 1, longestMs: 10_000 };

    it('is tried again on Windows until it is let go', async () => {
      const { replace, calls } = held(5);
      await renamePatiently('a', 'b', windows, replace);
      assert.equal(calls(), 6);
    });

    it('is tried for as long as was said, and once elsewhere', async () => {
      const brief = held(1_000);
      await assert.rejects(renamePatiently('a', 'b', { ...windows, longestMs: 20 }, brief.replace), { code: 'EBUSY' });
      assert.ok(brief.calls() > 1 && brief.calls() < 10);
      const elsewhere = held(1_000);
      await assert.rejects(renamePatiently('a', 'b', { ...windows, platform: 'linux' }, elsewhere.replace));
      assert.equal(elsewhere.calls(), 1);
    });

    it('keeps what was written and says where', async () => {
      const disk = new RecordingDisk(new Map([['/m/a.pt', 'old']]), (step) => {
        if (step.kind === 'rename' && step.to === '/m/a.pt') throw systemError('EBUSY');
      });
      let kept = '';
      await assert.rejects(
        writeFileAtomically('/m/a.pt', chunks('one', 'two'), neverAborted, disk),
        ({ code, details }: QuantscopeError) => {
          kept = details.found ?? '';
          return code === 'E_WRITE_HELD' && details.hint?.includes(kept) === true;
        },
      );
      assert.match(kept, /^a\.pt\.[0-9a-f]{6}\.new$/);
      assert.deepEqual(
        disk.files(),
        new Map([
          ['/m/a.pt', 'old'],
          [`/m/${kept}`, 'onetwo'],
        ]),
      );
    });
  });

  it('says that the new file is there when only the folder could not be flushed', async () => {
    const disk = new RecordingDisk(new Map([['/m/a.pt', 'old']]), ({ kind }) => {
      if (kind === 'syncFolder') throw systemError('EIO');
    });
    await assert.rejects(
      writeFileAtomically('/m/a.pt', chunks('new'), neverAborted, disk),
      ({ code, details }: QuantscopeError) => code === 'E_WRITE' && /is in its place/.test(details.hint ?? ''),
    );
    assert.deepEqual(disk.files(), new Map([['/m/a.pt', 'new']]));
  });

  it('writes on where a write took only a part', async () => {
    const disk = new RecordingDisk(new Map());
    const partial = withFiles(disk, (file) => ({
      ...file,
      write: (bytes, position) => file.write(bytes.subarray(0, 2), position),
    }));
    await writeFileAtomically('/m/a.pt', chunks('seven', 'words'), neverAborted, partial);
    assert.deepEqual(disk.files(), new Map([['/m/a.pt', 'sevenwords']]));
  });

  it('writes a file whose name is as long as the disk allows', async () => {
    const name = `${'한'.repeat(84)}.pt`;
    await writeFileAtomically(at(name), chunks('x'), neverAborted);
    assert.deepEqual(await readdir(folder), [name]);
  });

  it('F-03: refuses a longer name with what to do', async () => {
    const failed = writeFileAtomically(at('n'.repeat(300)), chunks('x'), neverAborted);
    await assert.rejects(failed, { code: 'E_WRITE', message: /ENAMETOOLONG/ });
    assert.deepEqual(await readdir(folder), []);
  });

  it('keeps the mode of the file that it replaces', async function () {
    if (process.platform === 'win32') this.skip();
    await writeFile(at('a.pt'), 'old');
    await chmod(at('a.pt'), 0o640);
    await writeFileAtomically(at('a.pt'), chunks('new'), neverAborted);
    assert.equal((await stat(at('a.pt'))).mode & 0o777, 0o640);
  });

  it('a folder of that name stays', async () => {
    await mkdir(at('a.pt'));
    await assert.rejects(writeFileAtomically(at('a.pt'), chunks('x'), neverAborted), { code: 'E_WRITE' });
    assert.deepEqual(await readdir(folder), ['a.pt']);
  });

  it('a folder that does not exist', async () => {
    await assert.rejects(writeFileAtomically(at('no/a.pt'), chunks('x'), neverAborted), {
      code: 'E_WRITE',
      message: /ENOENT/,
    });
  });

  it('a path through a file', async () => {
    await writeFile(at('file'), '');
    await assert.rejects(writeFileAtomically(at('file/a.pt'), chunks('x'), neverAborted), { code: 'E_WRITE' });
  });

  it('F-03: a folder without permission', async function () {
    if (process.platform === 'win32' || process.getuid?.() === 0) this.skip();
    await mkdir(at('locked'));
    await chmod(at('locked'), 0o500);
    await assert.rejects(writeFileAtomically(at('locked/a.pt'), chunks('x'), neverAborted), { code: 'E_WRITE' });
  });
});
