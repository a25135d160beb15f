import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { neverAborted } from '../../src/core/abort';
import { fixturePath, openBytes } from '../support/fixtures';
import { vscode } from './support/inspectorPage';
import { inspectorSuite } from './support/inspectorSuite';

describe('what is shown is saved for NumPy', function () {
  this.timeout(60_000);
  const { at, show } = inspectorSuite();

  /** Chooses an entry of a menu and waits for the file; gives its arrays, and what the dialog proposed. */
  const save = async (page: Page, menu: string, entry: string, target: string) => {
    vscode.targets.push(at(target));
    const before = vscode.said.length;
    await page.getByTestId(menu).click();
    await page.getByRole('menuitem', { name: entry, exact: true }).click();
    while (vscode.said.length === before) await page.waitForTimeout(20);
    assert.match(vscode.said.at(-1) ?? '', /^Wrote /);
    const { tensors, readTensor } = await openBytes(new Uint8Array(await readFile(at(target))), target);
    const arrays = tensors.map(({ name, tensor }) => [name, tensor.dtype, ...tensor.shape]);
    const [{ tensor }] = tensors;
    return { arrays, bytes: await readTensor(tensor, neverAborted), proposed: vscode.proposed.at(-1) };
  };

  it('a weight: its values, its codes, and what they stand for', async () => {
    const { page, document, problems } = await show(fixturePath('torch-2.13', 'mlp.pt'));
    await document.loaded;
    document.select('t:0.weight');
    await page.getByTestId('scale-value').waitFor();
    const own = await save(page, 'save-tensor', 'float32 values', 'own.npy');
    assert.deepEqual([own.arrays, own.proposed], [[['own', 'float32', 64, 32]], 'mlp.0.weight.npy']);
    const scale = Number(await page.getByTestId('scale-value').getAttribute('title'));
    const codes = await save(page, 'save-tensor', 'int8 codes', 'codes.npy');
    assert.deepEqual([codes.arrays, codes.proposed], [[['codes', 'int8', 64, 32]], 'mlp.0.weight.int8.npy']);
    const restored = await save(page, 'save-tensor', 'Dequantized values', 'restored.npy');
    const values = new Float32Array(new Uint8Array(restored.bytes).buffer);
    assert.deepEqual(
      values,
      Float32Array.from(new Int8Array(codes.bytes), (code) => code * scale),
    );
    // The scheme is that of the page, and a .npz has its scales.
    await page.getByRole('button', { name: 'Per channel' }).click();
    await page.getByTestId('zero-point').waitFor();
    const channels = await save(page, 'save-tensor', 'int8 codes', 'codes.npz');
    assert.deepEqual(
      channels.arrays.map(([name, ...shape]) => [name, shape.at(-1)]),
      [
        ['0.weight', 32],
        ['0.weight_scale', 64],
        ['0.weight_zero_point', 64],
      ],
    );
    assert.deepEqual(problems, []);
  });

  it('a bias has its values alone', async () => {
    const { page, document } = await show(fixturePath('torch-2.13', 'mlp.pt'));
    await document.loaded;
    document.select('t:0.bias');
    await page.getByTestId('tensor-name').filter({ hasText: '0.bias' }).waitFor();
    await page.getByTestId('save-tensor').click();
    assert.deepEqual(await page.getByRole('menuitem').allInnerTexts(), ['float32 values']);
  });

  it('one step of an activation, and one output of several', async () => {
    const { page, document, problems } = await show(fixturePath('torch-2.13', 'recipe_lstm.pt'));
    await document.loaded;
    await page.getByTestId('tab-forward').click();
    await page.getByTestId('run-forward').click();
    await page.getByTestId('step-panel').waitFor({ timeout: 30_000 });
    const values = await save(page, 'save-step', 'float32 values', 'step.npy');
    assert.deepEqual(
      [values.arrays, values.proposed],
      [[['step', 'float32', 8]], 'recipe_lstm.lstm.weight_hh_l0.0.7.values.npy'],
    );
    const codes = await save(page, 'save-step', 'uint8 codes', 'step-codes.npy');
    assert.deepEqual(codes.arrays, [['step-codes', 'uint8', 8]]);
    const output = await save(page, 'save-outputs', 'Only output, int8', 'output.npy');
    assert.deepEqual(
      [output.arrays, output.proposed],
      [[['output', 'float32', 20, 1, 8]], 'recipe_lstm.output.0.int8.npy'],
    );
    assert.deepEqual(problems, []);
  });
});
