import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { openModel } from '../../src/model/openModel';
import type { CallContext } from '../../src/protocol/rpc';
import { createEngine } from '../../src/worker/engineLogic';
import { type FileSource, openFileSource } from '../../src/worker/fileSource';
import { temporaryFolder } from '../support/bundles';
import { exportRequest } from '../support/exports';
import { fixturePath } from '../support/fixtures';

const model = fixturePath('torch-2.13', 'mlp.pt');
const context = { progress: noProgress } as CallContext;

describe('paths and numbers of files', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const names: readonly [what: string, name: string][] = [
    ['spaces', ' a model .pt'],
    ['characters of addresses', 'a#b%20c?d&e.pt'],
    ['an emoji and Korean', '🔥 양자화.pt'],
    ['a line break', 'two\nlines.pt'],
    ['quotes and a backslash', `it's "a" \\ model.pt`],
    ['no ASCII in composed and decomposed form', 'é-e\u0301.pt'],
    ['a leading dash', '-o.pt'],
    ['more than 260 characters', join(...new Array<string>(5).fill('folder'.repeat(10)), 'model.pt')],
  ];
  for (const [what, name] of names) {
    it(`F-11: a path with ${what} is opened, and exported to`, async function () {
      if (process.platform === 'win32' && /[\n?"\\]/.test(name)) this.skip();
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await copyFile(model, path);
      const opened: FileSource[] = [];
      const openSource = async (file: string) => {
        opened.push(await openFileSource(file));
        return opened[opened.length - 1];
      };
      const engine = createEngine({ openSource, abort: neverAborted });
      const { tensorCount } = await engine.open({ path }, context);
      assert.ok(tensorCount > 0);
      const target = path.replace(/\.pt$/, '.int8.pt');
      const { files, verified } = await engine.exportModel(exportRequest(target), context);
      assert.deepEqual(
        files.map(({ name }) => join(dirname(path), name)),
        [target],
      );
      assert.equal(verified, tensorCount);
      assert.equal((await readdir(dirname(path))).length, 2);
      // The model stays open until its thread ends.
      await opened[0].close();
    });
  }

  it('F-11: names that differ in case only are two files where the disk has two', async function () {
    const [lower, upper] = [join(folder, 'a.pt'), join(folder, 'A.pt')];
    await copyFile(model, lower);
    await copyFile(fixturePath('torch-2.13', 'recipe_lstm.pt'), upper);
    if ((await readdir(folder)).length < 2) this.skip();
    const names = await Promise.all(
      [lower, upper].map(async (path) => {
        const source = await openFileSource(path);
        const { tensors } = await openModel(source, neverAborted);
        await source.close();
        return [...tensors.keys()];
      }),
    );
    assert.notDeepEqual(names[0], names[1]);
  });

  it('F-10: 200 files that are opened at once are all there, and take no more than 256 MB', async function () {
    this.timeout(60_000);
    const fixtures = (await readdir(dirname(model))).filter((name) => name.endsWith('.pt'));
    const before = process.memoryUsage().rss;
    const opened = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const source = await openFileSource(join(dirname(model), fixtures[i % fixtures.length]));
        return { source, model: await openModel(source, neverAborted) };
      }),
    );
    assert.ok(process.memoryUsage().rss - before < 256 * 1024 * 1024);
    for (const [i, { model }] of opened.entries())
      assert.deepEqual([...model.tensors.keys()], [...opened[i % fixtures.length].model.tensors.keys()]);
    for (const { source } of opened) await source.close();
  });
});
