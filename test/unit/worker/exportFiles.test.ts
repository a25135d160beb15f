import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted, sharedAbort } from '../../../src/core/abort';
import { chunksOf } from '../../../src/core/byteChunks';
import type { QuantscopeError } from '../../../src/core/errors';
import { noProgress } from '../../../src/core/progress';
import type { PlannedExport } from '../../../src/model/export/exportModel';
import { exportFiles } from '../../../src/worker/exportFiles';
import { openFileSource } from '../../../src/worker/fileSource';
import { sweepLeftovers } from '../../../src/worker/leftovers';
import { verifyExport } from '../../../src/worker/verifyExport';
import { readFixture } from '../../support/fixtures';
import { RecordingDisk, systemError } from '../../support/recordingDisk';

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

  it('writes its files beside each other', async () => {
    const written = await run(planned(['index.json', 'i'], ['shard', 's']), 'index.json');
    assert.deepEqual(
      written.map(({ name, bytes }) => [name, bytes]),
      [
        ['index.json', 1],
        ['shard', 1],
      ],
    );
    assert.deepEqual((await readdir(folder)).sort(), ['index.json', 'model.pt', 'shard']);
  });

  it('F-15: opens what it wrote with our own reader, and sees a file that is none', async () => {
    const model = await readFixture('torch-2.13', 'mlp.pt');
    const bytes = { size: model.length, chunks: () => chunksOf(Promise.resolve(model)) };
    const sound = await run({ load: '', files: [{ name: 'copy.pt', plan: bytes }] }, 'copy.pt');
    assert.ok((await verifyExport(sound, openFileSource, neverAborted)) > 0);
    const broken = await run(planned(['broken.pt', 'all is well']), 'broken.pt');
    await assert.rejects(verifyExport(broken, openFileSource, neverAborted), { code: 'E_TEXT' });
  });

  describe('of several files over older ones', () => {
    const names = ['model.json', 'model-1', 'model-2'];
    const at = (name: string) => join(folder, name);
    const old = () => new Map(names.map((name) => [at(name), `old ${name}`]));
    const fresh = () => new Map(names.map((name) => [at(name), `new ${name}`]));

    const overwrite = (disk: RecordingDisk, abort = neverAborted) => {
      const plan = planned(...names.map((name) => [name, `new ${name}`] as const));
      return exportFiles(plan, at(names[0]), source, true, abort, noProgress, disk);
    };

    it('gives none its name before all are written, and the one that names the others last', async () => {
      const disk = new RecordingDisk(old());
      await overwrite(disk);
      assert.deepEqual(disk.files(), fresh());
      const kinds = disk.log.map(({ kind }) => kind);
      assert.ok(kinds.lastIndexOf('write') < kinds.indexOf('rename'));
      const placed = disk.log.flatMap((step) => (step.kind === 'rename' && old().has(step.to) ? [step.to] : []));
      assert.deepEqual(placed, [...names.slice(1), names[0]].map(at));
    });

    it('F-03: leaves all old ones and nothing else, whichever step fails', async () => {
      const counting = new RecordingDisk(old());
      await overwrite(counting);
      const steps = counting.log.length;
      // What is not needed any more may stay: the export is whole by then.
      const needed = counting.log.findLastIndex(({ kind }) => kind === 'syncFolder') + 1;
      assert.ok(needed > 30 && steps === needed + names.length);
      for (let failing = 0; failing < steps; failing++) {
        const { kind } = counting.log[failing];
        const disk = new RecordingDisk(old(), (_, index) => {
          if (index === failing) throw systemError('EIO');
        });
        if (failing >= needed) {
          await overwrite(disk);
          for (const [path, content] of fresh()) assert.equal(disk.files().get(path), content);
          continue;
        }
        await assert.rejects(overwrite(disk), { code: 'E_WRITE', message: /EIO/ }, `${failing}, ${kind}`);
        assert.deepEqual(disk.files(), old(), `${failing}, ${kind}`);
      }
    });

    it('never puts new ones beside the old one that names them when the disk is gone from some step on', async () => {
      for (let failing = 0; ; failing++) {
        const disk = new RecordingDisk(old(), (_, index) => {
          if (index >= failing) throw systemError('ENODEV');
        });
        const failed = await overwrite(disk).then(
          () => undefined,
          (error: QuantscopeError) => error,
        );
        const [entry, ...others] = names.map((name) => disk.files().get(at(name)));
        if (entry === undefined) {
          const kept = new Set(disk.files().values());
          assert.ok(
            names.every((name) => kept.has(`old ${name}`)),
            `${failing}`,
          );
          assert.equal(failed?.code, 'E_EXPORT_UNDO');
        } else {
          const kind = entry.slice(0, 3);
          assert.deepEqual(
            others,
            names.slice(1).map((name) => `${kind} ${name}`),
            `${failing}`,
          );
        }
        if (failed === undefined) break;
      }
    });

    it('puts the old ones back when there was no older one of some', async () => {
      for (const missing of names) {
        const before = new Map([...old()].filter(([path]) => path !== at(missing)));
        const disk = new RecordingDisk(before, (step) => {
          if (step.kind === 'rename' && step.to === at(names[0]) && step.from.endsWith('.tmp'))
            throw systemError('EIO');
        });
        await assert.rejects(overwrite(disk), { code: 'E_WRITE' });
        assert.deepEqual(disk.files(), before);
      }
    });

    it('changes nothing when it is cancelled after the last byte', async () => {
      const flag = new Int32Array(new SharedArrayBuffer(4));
      const disk = new RecordingDisk(old(), (step) => {
        if (step.kind === 'close') flag[0] = 1;
      });
      await assert.rejects(overwrite(disk, sharedAbort(flag)), { code: 'E_ABORTED' });
      assert.deepEqual(disk.files(), old());
    });
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
    it(`F-07: refuses ${what}`, async function () {
      if (process.platform === 'win32') this.skip();
      const name = await prepare();
      const before = (await readdir(folder)).sort();
      await assert.rejects(run(planned([name.split('/').at(-1) ?? '', 'x']), name, overwrite), { code });
      assert.deepEqual((await readdir(folder)).sort(), before);
      assert.equal(await readFile(source, 'utf8'), 'the model');
    });
  }

  it('F-03: refuses what the disk has no room for before it writes a byte', async () => {
    const plan = planned(['huge.pt', '']);
    const huge: PlannedExport = {
      ...plan,
      files: [{ ...plan.files[0], plan: { ...plan.files[0].plan, size: 2 ** 60 } }],
    };
    await assert.rejects(run(huge, 'huge.pt'), { code: 'E_EXPORT_SPACE' });
    assert.deepEqual(await readdir(folder), ['model.pt']);
  });

  it('F-07: refuses a second export to a file that is being written', async () => {
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

  const failures: readonly [id: string, what: string, code: string, hint: RegExp][] = [
    ['F-03', 'the share of the disk is used up', 'EDQUOT', /share of the disk/],
    ['F-03', 'the disk turns read-only', 'EROFS', /read-only/],
    ['F-04', 'somebody else takes the space that was free', 'ENOSPC', /disk is full/],
  ];
  for (const [id, what, code, hint] of failures) {
    it(`${id}: leaves the old file when ${what} at any write`, async () => {
      const target = join(folder, 'a.pt');
      const parts = ['one', 'two', 'three'];
      for (const failing of parts.keys()) {
        let writes = 0;
        const disk = new RecordingDisk(new Map([[target, 'old']]), ({ kind }) => {
          if (kind === 'write' && writes++ === failing) throw systemError(code);
        });
        const plan = planned(['a.pt', parts.join('')]);
        plan.files[0].plan.chunks = async function* () {
          for (const part of parts) yield Buffer.from(part);
        };
        await assert.rejects(
          exportFiles(plan, target, source, true, neverAborted, noProgress, disk),
          (error: QuantscopeError) => error.code === 'E_WRITE' && hint.test(error.details.hint ?? ''),
        );
        assert.deepEqual(disk.files(), new Map([[target, 'old']]));
      }
    });
  }

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

  it('F-14: sweeps what killed exports left, and nothing else', async () => {
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
