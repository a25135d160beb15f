import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted, sharedAbort } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import type { PlannedExport } from '../../../src/model/export/exportModel';
import { exportFiles } from '../../../src/worker/exportFiles';
import { openFileSource } from '../../../src/worker/fileSource';
import { verifyExport } from '../../../src/worker/verifyExport';
import { sweepLeftovers } from '../../../src/worker/writeFile';

describe('exportFiles', () => {
  let folder: string;
  let source: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-export-'));
    source = join(folder, 'model.pt');
    await writeFile(source, 'the model');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function planned(...files: readonly (readonly [name: string, content: string])[]): PlannedExport {
    return {
      load: '',
      files: files.map(([name, content]) => ({
        name,
        plan: {
          size: content.length,
          async *chunks() {
            yield Buffer.from(content);
          },
        },
      })),
    };
  }

  const run = (plan: PlannedExport, name: string, overwrite = false) =>
    exportFiles(plan, join(folder, name), source, overwrite, neverAborted, noProgress);

  it('writes its files beside each other, the one to open last', async () => {
    const order: string[] = [];
    const plan = planned(['index.json', 'i'], ['shard', 's']);
    for (const { name, plan: file } of plan.files) {
      const { chunks } = file;
      file.chunks = () => {
        order.push(name);
        return chunks();
      };
    }
    const written = await run(plan, 'index.json');
    assert.deepEqual(order, ['shard', 'index.json']);
    assert.deepEqual(
      written.map(({ name, bytes }) => [name, bytes]),
      [
        ['index.json', 1],
        ['shard', 1],
      ],
    );
    assert.deepEqual((await readdir(folder)).sort(), ['index.json', 'model.pt', 'shard']);
  });

  it('reads back what it wrote, and sees a changed byte', async () => {
    const written = await run(planned(['notes.json', 'all is well']), 'notes.json');
    assert.equal(await verifyExport(written, openFileSource, neverAborted, noProgress), 0);
    await writeFile(join(folder, 'notes.json'), 'all is Well');
    await assert.rejects(verifyExport(written, openFileSource, neverAborted, noProgress), { code: 'E_EXPORT_VERIFY' });
  });

  const refusals: readonly [what: string, code: string, prepare: () => Promise<string>, overwrite: boolean][] = [
    ['the open model itself', 'E_EXPORT_SOURCE', async () => 'model.pt', true],
    [
      'a link to the open model',
      'E_EXPORT_SOURCE',
      async () => {
        await symlink(source, join(folder, 'link.pt'));
        return 'link.pt';
      },
      true,
    ],
    [
      'a file that exists, when nobody said that it may be replaced',
      'E_EXPORT_EXISTS',
      async () => {
        await writeFile(join(folder, 'old.pt'), 'old');
        return 'old.pt';
      },
      false,
    ],
    [
      'a folder of that name',
      'E_NOT_A_FILE',
      async () => {
        await mkdir(join(folder, 'dir.pt'));
        return 'dir.pt';
      },
      true,
    ],
    [
      'a pipe of that name',
      'E_NOT_A_FILE',
      async () => {
        execFileSync('mkfifo', [join(folder, 'pipe.pt')]);
        return 'pipe.pt';
      },
      true,
    ],
    ['a folder that does not exist', 'E_EXPORT_FOLDER', async () => join('nowhere', 'a.pt'), true],
  ];
  for (const [what, code, prepare, overwrite] of refusals) {
    it(`refuses ${what}`, async function () {
      if (process.platform === 'win32') this.skip();
      const name = await prepare();
      const before = (await readdir(folder)).sort();
      await assert.rejects(run(planned([name.split('/').at(-1) ?? '', 'x']), name, overwrite), { code });
      assert.deepEqual((await readdir(folder)).sort(), before);
      assert.equal(await readFile(source, 'utf8'), 'the model');
    });
  }

  it('refuses what the disk has no room for before it writes a byte', async () => {
    const plan = planned(['huge.pt', '']);
    const huge: PlannedExport = {
      ...plan,
      files: [{ ...plan.files[0], plan: { ...plan.files[0].plan, size: 2 ** 60 } }],
    };
    await assert.rejects(run(huge, 'huge.pt'), { code: 'E_EXPORT_SPACE' });
    assert.deepEqual(await readdir(folder), ['model.pt']);
  });

  it('refuses a second export to a file that is being written', async () => {
    let finish = () => {};
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow = planned(['a.pt', 'a']);
    const { chunks } = slow.files[0].plan;
    slow.files[0].plan.chunks = async function* () {
      await held;
      yield* chunks();
    };
    const first = run(slow, 'a.pt');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assert.rejects(run(planned(['a.pt', 'b']), 'a.pt'), { code: 'E_EXPORT_BUSY' });
    // Of several files, those before the busy one are free again.
    await assert.rejects(run(planned(['b.pt', 'b'], ['a.pt', 'b']), 'b.pt'), { code: 'E_EXPORT_BUSY' });
    await run(planned(['b.pt', 'b']), 'b.pt');
    finish();
    await first;
    assert.equal(await readFile(join(folder, 'a.pt'), 'utf8'), 'a');
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const plan = planned(['a.pt', 'a']);
    plan.files[0].plan.chunks = async function* () {
      yield Buffer.from('h');
      flag[0] = 1;
      yield Buffer.from('alf');
    };
    const task = exportFiles(plan, join(folder, 'a.pt'), source, false, sharedAbort(flag), noProgress);
    await assert.rejects(task, { code: 'E_ABORTED' });
    assert.deepEqual(await readdir(folder), ['model.pt']);
  });

  it('sweeps what killed exports left, and nothing else', async () => {
    const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
    const names = {
      stale: '.a.pt.999999999.0123456789ab.tmp',
      young: '.b.pt.999999999.0123456789ab.tmp',
      alive: `.c.pt.${process.pid}.0123456789ab.tmp`,
      other: '.d.tmp',
    };
    for (const [kind, name] of Object.entries(names)) {
      await writeFile(join(folder, name), kind);
      if (kind !== 'young') await utimes(join(folder, name), yesterday, yesterday);
    }
    await sweepLeftovers(folder);
    assert.deepEqual((await readdir(folder)).sort(), [names.young, names.alive, names.other, 'model.pt'].sort());
  });
});
