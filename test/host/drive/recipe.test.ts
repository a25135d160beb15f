import assert from 'node:assert/strict';
import { join } from 'node:path';
import { root, type ThemeName, Workbench } from './workbench';

const fixture = (name: string) => join(root, 'test', 'fixtures', 'torch-2.13', name);

describe('a person with the recipe’s LSTM in a real VS Code', function () {
  this.timeout(180_000);
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.open({
      files: { 'recipe_lstm.pt': fixture('recipe_lstm.pt'), 'word_lm.pt': fixture('word_lm.pt') },
    });
  });
  after(() => workbench?.close());

  it('right-clicks the file, quantizes it, and sees the module before and after', async () => {
    await workbench.contextMenu('recipe_lstm.pt', 'Quantize Dynamically...');
    await workbench.pick('fbgemm');
    const view = workbench.webview();
    await view.getByTestId('coverage').waitFor({ timeout: 60_000 });
    assert.match(await view.getByTestId('coverage').innerText(), /1 module quantized/);
    assert.match(await view.locator('.repr').innerText(), /DynamicQuantizedLSTM\(8, 8\)/);
    await workbench.screenshot('recipe-quantized-dark');
  });

  it('selects a weight and sees its scale and zero point', async () => {
    const view = workbench.webview();
    await view.getByTestId('row').filter({ hasText: 'weight_hh_l0' }).click();
    await view.getByTestId('scale-value').waitFor();
    assert.equal(await view.getByTestId('scale-value').getAttribute('title'), '0.002759933704510331');
    assert.equal(await view.getByTestId('zero-point').innerText(), '0');
    await workbench.screenshot('recipe-weights-dark');
  });

  it('runs forward and sees PyTorch’s numbers', async () => {
    const view = workbench.webview();
    await view.getByTestId('run-forward').click();
    await view.getByTestId('mean-float').waitFor({ timeout: 60_000 });
    const numbers = await Promise.all(
      ['mean-float', 'mean-int8', 'mean-diff', 'percent'].map((id) => view.getByTestId(id).innerText()),
    );
    assert.deepEqual(numbers, ['0.12887', '0.12912', '0.00156', '1.21']);
    await view.getByTestId('step-panel').getByText('0.00367718').waitFor();
  });

  for (const theme of ['dark', 'light', 'high-contrast'] satisfies ThemeName[]) {
    it(`looks right in ${theme}`, async () => {
      await workbench.setTheme(theme);
      await workbench.page.waitForTimeout(500);
      await workbench.screenshot(`recipe-forward-${theme}`);
    });
  }
});
