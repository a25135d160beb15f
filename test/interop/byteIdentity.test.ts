import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FixtureVersion, fixturePath } from '../support/fixtures';
import { askPython, describeWithTorch } from '../support/pythons';
import { assertSameHash, ownFile, type SavedModel } from '../support/savedModels';

describeWithTorch('exports are the very bytes that torch.save writes', (python) => {
  const version: FixtureVersion = python.torch.startsWith('1.13') ? '1.13' : '2.13';
  let folder: string;
  let saved: SavedModel[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-bytes-'));
    saved = await askPython<SavedModel[]>(python, fixturePath('exports', 'generate.py'), folder);
    assert.ok(saved.length >= 30);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const name of ['recurrent', 'cells', 'deep', 'tables', 'plain']) {
    it(`${name}: state dict and whole module, float and for every engine and spec`, async () => {
      for (const one of saved.filter(({ source }) => source === `${name}.module.pt`)) {
        const ours = await ownFile(one, await readFile(join(folder, one.source)), version);
        const theirs = await readFile(join(folder, one.file));
        const at = theirs.findIndex((byte, i) => byte !== ours[i]);
        if (version === '1.13') assert.ok(at === -1 && ours.length === theirs.length, `${one.file} differs at ${at}`);
        assertSameHash(ours, one, version);
      }
    });
  }
});
