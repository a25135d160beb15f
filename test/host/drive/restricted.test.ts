import assert from 'node:assert/strict';
import { fixturePath } from '../../support/fixtures';
import { Workbench } from './workbench';

const lstm = fixturePath('torch-2.13', 'recipe_lstm.pt');

/** A window whose folder nobody trusts: since nothing in a file runs, everything works there. */
describe('a restricted window', function () {
  this.timeout(240_000);
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.open({ files: { 'recipe_lstm.pt': lstm }, restricted: true });
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot(`failed-${this.currentTest.title}`);
  });

  it('is restricted', async () => {
    await workbench.page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).waitFor({ timeout: 30_000 });
  });

  it('F-13: opens, quantizes and runs a model, and shows what that did', async () => {
    await workbench.openFile('recipe_lstm.pt');
    const view = workbench.webview();
    await view.getByTestId('quantize').click({ timeout: 60_000 });
    await view.getByTestId('coverage').waitFor({ timeout: 30_000 });
    await view.getByTestId('row').filter({ hasText: 'weight_hh_l0' }).click();
    await view.getByTestId('scale-value').waitFor();
    assert.equal(await view.getByTestId('scale-value').getAttribute('title'), '0.002759933704510331');
    await view.getByTestId('run-forward').click();
    await view.getByTestId('percent').waitFor({ timeout: 60_000 });
    assert.equal(await view.getByTestId('percent').innerText(), '1.21');
    assert.deepEqual(workbench.problems, []);
    await workbench.screenshot('restricted');
  });
});
