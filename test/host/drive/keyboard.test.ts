import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '../../support/fixtures';
import { Workbench } from './workbench';

describe('a person without a mouse in a real VS Code', function () {
  this.timeout(120_000);
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.open({ files: { 'recipe_lstm.pt': fixturePath('torch-2.13', 'recipe_lstm.pt') } });
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot(`failed-${this.currentTest.title}`);
  });

  const press = async (...keys: string[]) => {
    for (const key of keys) await workbench.page.keyboard.press(key);
  };
  const question = (text: string) => workbench.page.locator('.quick-input-widget:visible').filter({ hasText: text });

  it('opens, quantizes and exports a file that the Explorer shows', async () => {
    const { page } = workbench;
    await press('Control+Shift+E');
    await workbench.file('recipe_lstm.pt').waitFor();
    await press('Home', 'Enter');
    await workbench.webview().getByTestId('row').first().waitFor({ timeout: 30_000 });
    await press('Control+Alt+Q');
    await question('fbgemm').waitFor();
    await press('Enter');
    await workbench.webview().getByTestId('coverage').waitFor({ timeout: 30_000 });
    await press('F1');
    await page.keyboard.type('Quantscope: Export Quantized');
    await question('Export').locator('.monaco-list-row').first().waitFor();
    await press('Enter');
    await question('safetensors').waitFor();
    await press('Enter');
    await question('recipe_lstm.int8.pt').or(page.locator('.quick-input-widget:visible input')).first().waitFor();
    await page.waitForTimeout(1000);
    await workbench.screenshot('keyboard-save');
    await press('Enter');
    await page.getByText('tensors read back').first().waitFor({ timeout: 30_000 });
    assert.deepEqual((await readdir(workbench.folder)).sort(), ['recipe_lstm.int8.pt', 'recipe_lstm.pt']);
    assert.ok((await stat(join(workbench.folder, 'recipe_lstm.int8.pt'))).size > 1_000);
    assert.deepEqual(workbench.problems, []);
  });
});
