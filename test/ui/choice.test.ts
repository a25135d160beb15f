import assert from 'node:assert/strict';
import { fixturePath } from '../support/fixtures';
import { axeViolations } from './support/axe';
import type { InspectorPage } from './support/inspectorPage';
import { inspectorSuite } from './support/inspectorSuite';

const wordLm = fixturePath('torch-2.13', 'word_lm.pt');
const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');
const gpt = fixturePath('forward', 'gpt.pt');

describe('what is chosen to be quantized', function () {
  this.timeout(60_000);
  const { show } = inspectorSuite();

  async function quantized(file: string): Promise<InspectorPage> {
    const shown = await show(file);
    await shown.page.getByTestId('quantize').click();
    await shown.page.getByTestId('coverage').waitFor();
    return shown;
  }

  it('a module that stays float32 is added by one click on the line that says so, and undo takes it back', async () => {
    const { page, document } = await quantized(wordLm);
    await page.getByRole('button', { name: 'Add encoder' }).click();
    await page.getByTestId('coverage').filter({ hasText: '3 modules quantized' }).waitFor();
    assert.deepEqual(document.snapshot.quantizedSpec?.overrides, [{ target: 'encoder', qconfig: 'float_qparams' }]);
    assert.equal(await page.getByTestId('add-skipped').count(), 0);
    await page.getByTestId('undo-choice').click();
    await page.getByTestId('coverage').filter({ hasText: '2 modules quantized' }).waitFor();
    assert.equal(document.snapshot.spec.overrides, undefined);
  });

  it('an unticked module is added the same way', async () => {
    const { page, document } = await quantized(recipe);
    await document.tick('lstm', false);
    await page.getByTestId('coverage').filter({ hasText: '0 modules quantized' }).waitFor();
    await page.getByRole('button', { name: 'Add lstm' }).click();
    await page.getByTestId('coverage').filter({ hasText: '1 module quantized' }).waitFor();
    assert.deepEqual(document.snapshot.spec.exclude, []);
  });

  it('the icons beside the filter undo step by step and open the diff of print(model); arrows reach each', async () => {
    const { page, document } = await show(recipe);
    assert.ok(await page.getByTestId('undo-choice').isDisabled());
    assert.ok(await page.getByTestId('repr-diff').isDisabled());
    document.setSpec({ engine: 'qnnpack' });
    await page.getByTestId('quantize').click();
    await page.getByTestId('coverage').waitFor();
    await page.getByTestId('collapse-all').focus();
    await page.keyboard.press('ArrowLeft');
    assert.equal(await page.evaluate('document.activeElement.dataset.testid'), 'repr-diff');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await page.getByTestId('coverage').waitFor({ state: 'detached' });
    assert.equal(document.snapshot.spec.engine, 'qnnpack');
    await page.getByTestId('undo-choice').click();
    await page.locator('[data-testid=undo-choice]:disabled').waitFor();
    assert.equal(document.snapshot.spec.engine, 'fbgemm');
  });

  it('ticks that come at once all count, and undo takes them back one by one', async () => {
    const { document } = await quantized(gpt);
    const paths = ['lm_head', ...(await document.engine.call('quantizable', { path: '' }))].slice(0, 3);
    for (const path of paths) await document.tick(path, false);
    const unticked = document.snapshot.spec.exclude;
    assert.equal(unticked.length, new Set(paths).size);
    await Promise.all(paths.map((path) => document.tick(path, true)));
    assert.deepEqual(document.snapshot.spec.exclude, []);
    assert.equal(document.snapshot.quantizedSpec, document.snapshot.spec);
    for (const _ of paths) await document.undo();
    assert.deepEqual(document.snapshot.spec.exclude, unticked);
    assert.equal(document.snapshot.quantizedSpec, document.snapshot.spec);
  });

  it('undo during Quantize stops it: what is shown stays what is chosen', async () => {
    const { document } = await quantized(gpt);
    const { spec, quantizedSpec } = document.snapshot;
    const running = document.quantize({ engine: 'qnnpack' });
    assert.equal(document.snapshot.spec.engine, 'qnnpack');
    await document.undo();
    await running;
    assert.equal(document.snapshot.spec, spec);
    assert.equal(document.snapshot.quantizedSpec, quantizedSpec);
    assert.equal(document.snapshot.busy, null);
  });

  it('layers that were measured with another engine are not those of the choice that undo brings back', async () => {
    const { document } = await quantized(recipe);
    await document.quantize({ engine: 'qnnpack' });
    await document.measureSensitivity();
    assert.equal(document.snapshot.sensitivity?.layers.length, 1);
    await document.undo();
    assert.equal(document.snapshot.quantized?.engine, 'fbgemm');
    assert.equal(document.snapshot.sensitivity, null);
  });

  it('of very many changes the last hundred can be undone, and none after the file is read again', async () => {
    const { document } = await show(recipe);
    await document.loaded;
    for (let n = 0; n < 130; n++) document.setSpec({ perChannel: n % 2 === 0 });
    let steps = 0;
    for (; document.snapshot.canUndo; steps++) await document.undo();
    assert.equal(steps, 100);
    document.setSpec({ perChannel: true });
    await document.reload();
    assert.equal(document.snapshot.canUndo, false);
  });

  /** Layers whose box in the error table is ticked, by the table's order. */
  const boxes = ({ page }: InspectorPage) =>
    page.locator('.error-table [role=checkbox]').evaluateAll((found) => found.map((box) => box.ariaChecked === 'true'));

  async function measured(file: string): Promise<InspectorPage> {
    const shown = await quantized(file);
    await shown.page.getByTestId('tab-error').click();
    await shown.page.locator('.error-table [role=checkbox]').first().waitFor({ timeout: 20_000 });
    return shown;
  }

  async function untilBoxes(shown: InspectorPage, wanted: (ticked: readonly boolean[]) => boolean): Promise<void> {
    for (let tries = 0; !wanted(await boxes(shown)); tries++) {
      assert.ok(tries < 100, `the boxes are ${await boxes(shown)}`);
      await shown.page.waitForTimeout(50);
    }
  }

  it('the boxes of the error table follow the tree, the choice by type and the curve, and tick themselves', async () => {
    const shown = await measured(gpt);
    const { page, document } = shown;
    const layers = document.snapshot.sensitivity?.layers.map(({ path }) => path) ?? [];
    assert.ok(layers.length > 3);
    await untilBoxes(shown, (ticked) => ticked.every(Boolean));
    await document.tick(layers[1], false);
    await untilBoxes(shown, (ticked) => !ticked[1] && ticked.filter((one) => !one).length === 1);
    await page.locator('.error-table [role=checkbox]').nth(1).click();
    await untilBoxes(shown, (ticked) => ticked.every(Boolean));
    document.setSpec({ overrides: [{ target: 'Linear', qconfig: null }] });
    await untilBoxes(shown, (ticked) => !ticked.some(Boolean));
    // A point of the curve ticks exactly its layers, also those that their type leaves in float32.
    await document.keepFloat(layers.slice(0, 2));
    await page
      .getByTestId('coverage')
      .waitFor({ state: 'attached' })
      .catch(() => {});
    assert.equal(document.snapshot.quantized?.quantizedCount, layers.length - 2);
    assert.deepEqual(await axeViolations(page), []);
  });

  it('a pass in float16 says float16 wherever it says what ran', async () => {
    const { page, document } = await show(recipe);
    document.setSpec({ dtype: 'float16' });
    await page.getByTestId('quantize').click();
    await page.getByTestId('coverage').waitFor();
    await page.getByTestId('run-forward').click();
    await page.getByTestId('percent').waitFor({ timeout: 20_000 });
    assert.equal(document.snapshot.forward?.form, 'float16');
    const text = await page.evaluate(
      'document.querySelector(".body").innerText + [...document.querySelectorAll(".right [aria-label]")].map((each) => each.ariaLabel)',
    );
    assert.match(String(text), /in the FP16 model/);
    assert.doesNotMatch(String(text), /int8/i);
  });
});
