import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markerName, writeHostModels } from '../../support/hostModels';
import { Workbench } from './workbench';

describe('a person with other people’s files in a real VS Code', function () {
  this.timeout(180_000);
  let workbench: Workbench;
  let source: string;

  before(async () => {
    source = await mkdtemp(join(tmpdir(), 'quantscope-files-'));
    await writeHostModels(source);
    const names = ['notes.pt', 'photos.pt', 'stranger.pt', 'truncated.pt', 'recipe_lstm.pt'];
    workbench = await Workbench.open({ files: Object.fromEntries(names.map((name) => [name, join(source, name)])) });
  });
  after(async () => {
    await workbench?.close();
    await rm(source, { recursive: true, force: true });
  });

  const cards: readonly [name: string, what: RegExp, todo: RegExp][] = [
    ['truncated.pt', /cut off/, /again/],
    ['notes.pt', /text file/, /meant/],
    ['photos.pt', /not one that PyTorch wrote/, /inside|meant/],
  ];
  for (const [name, what, todo] of cards) {
    it(`clicks ${name} and reads what is wrong, where, and what to do`, async () => {
      await workbench.openFile(name);
      const card = workbench.webview().getByTestId('error-card');
      await card.filter({ hasText: name }).waitFor({ timeout: 30_000 });
      const shown = await card.innerText();
      assert.match(shown, what);
      assert.match(shown, todo);
      await workbench.screenshot(`error-${name.replace('.pt', '')}`);
      await workbench.closeEditors();
    });
  }

  it('clicks a stranger’s file and is warned; nothing ran', async () => {
    await workbench.openFile('stranger.pt');
    const view = workbench.webview();
    const banner = view.getByTestId('safety-banner');
    await banner.waitFor({ timeout: 30_000 });
    assert.match(await banner.innerText(), /os\.system/);
    assert.equal((await view.getByTestId('row').filter({ hasText: 'w' }).count()) > 0, true);
    await workbench.screenshot('stranger');
    assert.equal(existsSync(join(source, markerName)), false);
    await workbench.closeEditors();
  });

  it('selects a tensor in the side bar’s tree and finds it selected in the inspector', async () => {
    await workbench.openFile('recipe_lstm.pt');
    const view = workbench.webview();
    await view.getByTestId('row').first().waitFor({ timeout: 30_000 });
    await workbench.showContainer();
    const item = (name: string) =>
      workbench
        .modulesTree()
        .getByRole('treeitem', { name: new RegExp(name) })
        .first();
    for (const name of ['recipe_lstm', 'lstm', 'weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0']) {
      await item(name).waitFor();
      assert.ok(
        (await view.getByTestId('row').filter({ hasText: name }).count()) > 0,
        `${name} is not in the inspector`,
      );
    }
    await item('weight_hh_l0').click();
    await view.locator('[data-testid=row][aria-selected=true]').filter({ hasText: 'weight_hh_l0' }).waitFor();
    await workbench.screenshot('side-bar');
  });
});
