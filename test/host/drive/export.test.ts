import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from '../../support/fixtures';
import { stateDict, tensor, torchFile } from '../../support/pickleBuilder';
import { Workbench } from './workbench';

/** What leaves the inspector as a file, through VS Code's own dialogs. */
describe('what a person exports in a real VS Code', function () {
  this.timeout(180_000);
  let workbench: Workbench;
  let originals: string;

  before(async () => {
    originals = await mkdtemp(join(tmpdir(), 'quantscope-originals-'));
    const twice = torchFile(stateDict(), [{ name: 'model/data.pkl', data: stateDict(['second', tensor()]) }]);
    await writeFile(join(originals, 'twice.pt'), twice);
    const prefixed = [Buffer.from('JUNK'), await readFile(fixturePath('torch-2.13', 'word_lm.pt'))];
    await writeFile(join(originals, 'prefixed.pt'), Buffer.concat(prefixed));
    workbench = await Workbench.open({
      files: {
        'recipe_lstm.pt': fixturePath('torch-2.13', 'recipe_lstm.pt'),
        'twice.pt': join(originals, 'twice.pt'),
        'prefixed.pt': join(originals, 'prefixed.pt'),
      },
    });
  });
  after(async () => {
    await workbench?.close();
    await rm(originals, { recursive: true, force: true });
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot(`failed-${this.currentTest.title}`);
    await workbench.closeEditors();
  });

  const question = (text: string) => workbench.page.locator('.quick-input-widget:visible').filter({ hasText: text });
  const written = async (suffix: string) => (await readdir(workbench.folder)).filter((name) => name.endsWith(suffix));

  /** VS Code's save dialog with the name that it proposes. */
  async function save(): Promise<void> {
    const { page } = workbench;
    await page.locator('.quick-input-widget:visible input').first().waitFor();
    await page.waitForTimeout(1500);
    await page.keyboard.press('Enter');
  }

  it('the report of the recipe is one page with its five steps', async () => {
    await workbench.openFile('recipe_lstm.pt');
    await workbench.webview().getByTestId('row').first().waitFor({ timeout: 30_000 });
    await workbench.runCommand('Quantscope: Export Report');
    await save();
    await workbench.page.getByText('The report was written.').first().waitFor({ timeout: 60_000 });
    assert.deepEqual(await written('.html'), ['recipe_lstm.quantscope.html']);
    const html = await readFile(join(workbench.folder, 'recipe_lstm.quantscope.html'), 'utf8');
    for (const step of ['1. Set up', '2. Quantize', '3. Size', '4. Latency', '5. Accuracy'])
      assert.ok(html.includes(step), step);
    assert.match(html, /<b>0\.12887<\/b>/);
    assert.doesNotMatch(html, /<script|https?:/);
  });

  /** Up to the question that only a file of two meanings asks. */
  async function exportTwice(): Promise<void> {
    await workbench.openFile('twice.pt');
    await workbench.webview().getByTestId('row').first().waitFor({ timeout: 30_000 });
    await workbench.runCommand('Quantscope: Export Quantized Model');
    await question('safetensors').waitFor();
    await workbench.pick('safetensors');
    await save();
    await workbench.page.getByText('Tools disagree which model this file is.').first().waitFor({ timeout: 30_000 });
  }

  it('a file in which tools find different models is not written when a person says no', async () => {
    await exportTwice();
    await workbench.page.keyboard.press('Escape');
    await workbench.page.waitForTimeout(1000);
    assert.deepEqual(await written('.safetensors'), []);
  });

  it('and is written when they mean the one that is shown', async () => {
    await exportTwice();
    await workbench.page.getByRole('button', { name: 'Export What PyTorch Loads' }).click();
    await workbench.page.getByText('tensors read back').first().waitFor({ timeout: 30_000 });
    assert.deepEqual(await written('.safetensors'), ['twice.int8.safetensors']);
    assert.deepEqual(workbench.problems, []);
  });

  it('of a damaged file a person is told that a part is written, before where and how', async () => {
    await workbench.openFile('prefixed.pt');
    await workbench.webview().getByTestId('open-sound').click({ timeout: 30_000 });
    await workbench.webview().getByTestId('row').first().waitFor({ timeout: 30_000 });
    await workbench.runCommand('Quantscope: Export Quantized Model');
    await workbench.page.getByText('only what can be read of it is written').first().waitFor({ timeout: 30_000 });
    await workbench.page.getByRole('button', { name: 'Export What Can Be Read' }).click();
    await question('safetensors').waitFor();
    await workbench.page.keyboard.press('Escape');
  });
});
