import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { bytesSource } from '../../src/core/byteSource';
import { readEntry, readZip } from '../../src/formats/zip/read';
import { fixturePath } from '../support/fixtures';
import { askPython, describeWithTorch, runPython } from '../support/pythons';
import { treeDigest } from '../support/trees';

/** Archives whose code is parsed too. */
const archives = ['recipe_lstm.script.pt', 'recipe_lstm.trace.pt', 'mlp.trace.pt'];

describeWithTorch('Python is parsed to CPython’s own tree', (python) => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trees-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function compare(paths: readonly string[]): Promise<number> {
    const lines = (await runPython(python, 'dump_tree.py', ...paths)).trim().split('\n');
    const trees = lines.map((line) => JSON.parse(line) as { digest: string; nodes: number });
    assert.equal(trees.length, paths.length);
    for (const [i, path] of paths.entries())
      assert.equal(treeDigest(await readFile(path, 'utf8'), basename(path)), trees[i].digest, path);
    return trees.reduce((sum, { nodes }) => sum + nodes, 0);
  }

  it('the fixtures’ sources, whose digests are committed', async () => {
    const digests = JSON.parse(await readFile(fixturePath('forward', 'trees.json'), 'utf8')) as Record<string, string>;
    assert.ok((await compare(Object.keys(digests).map((name) => fixturePath('forward', name)))) > 1_500);
  });

  it('torch.nn’s own sources', async () => {
    const paths = await askPython<string[]>(python, 'dump_tree.py', '--torch');
    assert.ok(paths.length > 20);
    assert.ok((await compare(paths)) > 30_000);
  });

  it('the code of TorchScript archives', async () => {
    const paths: string[] = [];
    for (const version of ['torch-1.13', 'torch-2.13']) {
      for (const name of archives) {
        const source = bytesSource(new Uint8Array(await readFile(fixturePath(version, name))), name);
        for (const entry of (await readZip(source)).entries) {
          if (!entry.name.endsWith('.py')) continue;
          const path = join(folder, `${paths.length}.py`);
          await writeFile(path, await readEntry(source, entry, 1_000_000));
          paths.push(path);
        }
      }
    }
    assert.ok(paths.length >= 12);
    await compare(paths);
  });
});
