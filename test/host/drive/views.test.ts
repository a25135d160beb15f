import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '../../support/fixtures';
import { Workbench } from './workbench';

const lstm = fixturePath('torch-2.13', 'recipe_lstm.pt');
const words = fixturePath('torch-2.13', 'word_lm.pt');

/** What a view promises whatever a person does with its tabs, its window and its file. */
describe('a view in a real VS Code', function () {
  this.timeout(180_000);
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.open({
      files: { 'recipe_lstm.pt': lstm, 'word_lm.pt': words, 'replaced.pt': lstm, 'hidden.pt': lstm },
    });
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot(`failed-${this.currentTest.title}`);
    await workbench.closeEditors();
  });

  const row = (name: string, view = workbench.webview()) => view.getByTestId('row').filter({ hasText: name });
  const selectedRow = (name: string, view = workbench.webview()) =>
    view.locator('[data-testid=row][aria-selected=true]').filter({ hasText: name });
  const selectedTab = (name: string, view = workbench.webview()) =>
    view.locator(`[data-testid=tab-${name}][aria-selected=true]`);

  async function quantize(name: string): Promise<void> {
    await workbench.contextMenu(name, 'Quantize Dynamically...');
    await workbench.pick('fbgemm');
    await workbench.webview().getByTestId('coverage').waitFor({ timeout: 30_000 });
  }

  it('catches up after it was hidden', async () => {
    await workbench.openFile('recipe_lstm.pt');
    await row('weight_hh_l0').click();
    await selectedTab('weights').waitFor();
    await workbench.openFile('word_lm.pt');
    await row('rnn').first().waitFor({ timeout: 30_000 });
    // The Explorer's command acts on the hidden one, which comes to the front with what happened.
    await quantize('recipe_lstm.pt');
    await selectedRow('weight_hh_l0').waitFor();
    await workbench.openFile('word_lm.pt');
    await row('rnn').first().waitFor({ timeout: 30_000 });
    await workbench.openFile('recipe_lstm.pt');
    await workbench.webview().getByTestId('coverage').waitFor({ timeout: 30_000 });
    await selectedRow('weight_hh_l0').waitFor();
  });

  it('shows what happened while it was hidden', async () => {
    await workbench.openFile('hidden.pt');
    await row('weight_hh_l0').waitFor({ timeout: 30_000 });
    await workbench.openFile('word_lm.pt');
    await row('rnn').first().waitFor({ timeout: 30_000 });
    await cp(words, join(workbench.folder, 'hidden.pt'));
    // It is noticed behind the other tab, where the page does not exist.
    await workbench.page.waitForTimeout(4000);
    assert.equal(await workbench.webview().getByTestId('changed-banner').count(), 0);
    await workbench.openFile('hidden.pt');
    await workbench.webview().getByTestId('changed-banner').waitFor({ timeout: 20_000 });
    await row('weight_hh_l0').waitFor();
  });

  it('shows the same in two editors of one file', async () => {
    await workbench.openFile('recipe_lstm.pt');
    await row('weight_hh_l0').waitFor({ timeout: 30_000 });
    await workbench.runCommand('View: Split Editor Right');
    const views = await workbench.editors(2);
    await row('weight_ih_l0', views[1]).waitFor({ timeout: 30_000 });
    await row('weight_ih_l0', views[1]).click();
    await selectedRow('weight_ih_l0', views[0]).waitFor();
    await views[0].getByTestId('tab-error').click();
    await selectedTab('error', views[1]).waitFor();
    await workbench.screenshot('split-editor');
  });

  it('says that its file was replaced, keeps what it shows, and reads the new one when asked', async () => {
    await workbench.openFile('replaced.pt');
    await row('weight_hh_l0').waitFor({ timeout: 30_000 });
    await cp(words, join(workbench.folder, 'replaced.pt'));
    const view = workbench.webview();
    await view.getByTestId('changed-banner').waitFor({ timeout: 20_000 });
    assert.equal(await row('weight_hh_l0').count(), 1);
    await workbench.screenshot('changed-on-disk');
    await view.getByTestId('reload').click();
    await row('encoder').first().waitFor({ timeout: 30_000 });
    await view.getByTestId('changed-banner').waitFor({ state: 'detached' });
  });

  it('compares two files that are selected in the Explorer', async () => {
    await workbench.file('recipe_lstm.pt').click();
    await workbench.file('word_lm.pt').click({ modifiers: ['ControlOrMeta'] });
    await workbench.contextMenu('word_lm.pt', 'Compare Selected Models');
    await selectedTab('compare').waitFor({ timeout: 30_000 });
    const view = workbench.webview();
    assert.match(await view.getByRole('main').innerText(), /word_lm\.pt/);
    assert.equal(await view.getByTestId('file-name').innerText(), 'recipe_lstm.pt');
    await workbench.screenshot('compare-selected');
  });

  it('comes back after the window was reloaded: selection, tab and quantization', async () => {
    await quantize('recipe_lstm.pt');
    await row('weight_hh_l0').click();
    await selectedTab('weights').waitFor();
    await workbench.reloadWindow('recipe_lstm.pt');
    await workbench.webview().getByTestId('coverage').waitFor({ timeout: 60_000 });
    await selectedTab('weights').waitFor();
    await selectedRow('weight_hh_l0').waitFor();
  });

  it('reports no error of a page and no violation of its policy, and would', async () => {
    assert.deepEqual(workbench.problems, []);
    await workbench.openFile('recipe_lstm.pt');
    await row('weight_hh_l0').waitFor({ timeout: 30_000 });
    await workbench
      .webview()
      .locator('body')
      .evaluate((body) => {
        body.append(Object.assign(body.ownerDocument.createElement('img'), { src: 'https://example.invalid/x.png' }));
      });
    await workbench.page.waitForTimeout(500);
    assert.match(workbench.problems.join(), /Content Security Policy/);
  });
});
