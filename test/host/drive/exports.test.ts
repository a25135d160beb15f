import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath, openBytes } from '../../support/fixtures';
import { Workbench } from './workbench';

describe('a person exports in a real VS Code', function () {
  this.timeout(120_000);
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.open({
      files: {
        'recipe_lstm.pt': fixturePath('torch-2.13', 'recipe_lstm.pt'),
        'word_lm.pt': fixturePath('torch-2.13', 'word_lm.pt'),
      },
    });
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot(`failed-${this.currentTest.title}`);
  });

  /** Right click on the weight, the item, an answer where one is asked for, and Enter in the save dialog. */
  const save = async (answer?: string) => {
    const { page } = workbench;
    await workbench.modulesTree().getByText('weight_hh_l0', { exact: true }).click({ button: 'right' });
    const item = page.getByRole('menuitem', { name: 'Save Tensor as .npy...' });
    await item.hover();
    await page.waitForTimeout(300);
    await item.click();
    if (answer !== undefined) await workbench.pick(answer);
    await page.locator('.quick-input-widget:visible input').waitFor();
    await page.waitForTimeout(1000);
    await page.keyboard.press('Enter');
    await page.getByText('1 tensors read back').first().waitFor({ timeout: 30_000 });
    await workbench.runCommand('Notifications: Clear All Notifications');
  };

  const dtypeOf = async (name: string) => {
    const { tensors } = await openBytes(new Uint8Array(await readFile(join(workbench.folder, name))), name);
    return tensors.map(({ tensor }) => [tensor.dtype, ...tensor.shape]);
  };

  it('a tensor of the native tree: its values, and after Quantize its codes', async () => {
    await workbench.file('recipe_lstm.pt').click();
    await workbench.webview().getByTestId('row').first().waitFor({ timeout: 30_000 });
    await workbench.showContainer();
    await save();
    await workbench.runCommand('Quantscope: Quantize');
    await workbench.pick('fbgemm');
    await workbench.modulesTree().getByText('qint8').first().waitFor({ timeout: 30_000 });
    await save('int8 codes');
    const [own, codes] = ['recipe_lstm.lstm.weight_hh_l0.npy', 'recipe_lstm.lstm.weight_hh_l0.int8.npy'];
    assert.deepEqual(
      (await readdir(workbench.folder)).filter((name) => name.endsWith('.npy')).sort(),
      [codes, own].sort(),
    );
    assert.deepEqual([await dtypeOf(own), await dtypeOf(codes)], [[['float32', 32, 8]], [['int8', 32, 8]]]);
    assert.deepEqual(workbench.problems, []);
  });

  it('a whole state dict as ONNX, by a plan whose assumptions are read first', async () => {
    const { page } = workbench;
    await workbench.runCommand('View: Show Explorer');
    await workbench.file('word_lm.pt').click();
    await workbench.webview().getByTestId('row').first().waitFor({ timeout: 30_000 });
    await workbench.runCommand('Quantscope: Export Quantized Model...');
    await workbench.pick('ONNX');
    await workbench.pick('The whole model, by its forward plan');
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText('states start at zero').waitFor();
    await workbench.screenshot('export-plan');
    await dialog.getByRole('button', { name: 'Export by This Plan' }).click();
    await page.locator('.quick-input-widget:visible input').waitFor();
    await page.waitForTimeout(1000);
    await page.keyboard.press('Enter');
    await page.getByText('Wrote word_lm.int8.onnx').first().waitFor({ timeout: 30_000 });
    const bytes = new Uint8Array(await readFile(join(workbench.folder, 'word_lm.int8.onnx')));
    const types = (await openBytes(bytes, 'word_lm.int8.onnx')).onnx?.graph?.nodes.map(({ opType }) => opType) ?? [];
    assert.deepEqual(
      ['Gather', 'DynamicQuantizeLSTM', 'MatMulInteger'].filter((type) => !types.includes(type)),
      [],
    );
    assert.deepEqual(workbench.problems, []);
  });
});
