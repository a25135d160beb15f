import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { readFixture } from '../support/fixtures';
import { f32, safetensors } from '../support/safetensorsBuilder';
import { concat, utf8 } from '../support/zipBuilder';
import { axeViolations } from './support/axe';
import { themes } from './support/inspectorPage';
import { inspectorSuite } from './support/inspectorSuite';

describe('a damaged file', function () {
  this.timeout(60_000);
  const { at, show } = inspectorSuite();

  it('offers what can be read of it, opens that, and says that it is not all', async () => {
    const path = at('prefixed.pt');
    await writeFile(path, concat(utf8('JUNK'), await readFixture('torch-2.13', 'word_lm.pt')));
    const { page, document, setTheme } = await show(path);
    await page
      .getByText('Names and shapes of 11 tensors can be read all the same, and the values of 11 of them.')
      .waitFor();
    for (const theme of themes) {
      await setTheme(theme);
      assert.deepEqual(await axeViolations(page), [], theme);
    }
    await page.getByTestId('open-sound').click();
    await page.getByTestId('cut-banner').getByText('The file is damaged.').waitFor();
    await page.locator('[data-id="m:rnn"]').waitFor();
    assert.equal(document.snapshot.model?.tensorCount, 11);
    await document.quantize();
    assert.equal(document.snapshot.quantized?.quantizedCount, 2);
    // Reading it again asks again.
    await document.reload();
    await page.getByTestId('open-sound').waitFor();
  });

  it('says how many values are whole where some are not', async () => {
    const path = at('broken.safetensors');
    const bytes = safetensors({ a: f32(2), b: f32(3, 8), c: f32(1, 20) }, new Uint8Array(24).fill(1));
    bytes[Buffer.from(bytes).indexOf('"c"')] = 0x78;
    await writeFile(path, bytes);
    const { page } = await show(path, { language: 'ko' });
    await page.getByTestId('open-sound').click();
    await page.getByTestId('cut-banner').getByText('텐서 2개 중 2개의 값').waitFor();
    await page.locator('[data-id="t:b"]').waitFor();
    assert.equal(await page.locator('[data-id="t:c"]').count(), 0);
  });

  it('of which nothing can be read has one button: try again', async () => {
    const path = at('notes.pt');
    await writeFile(path, 'these are notes');
    const { page } = await show(path);
    await page.getByTestId('error-card').waitFor();
    assert.equal(await page.getByTestId('open-sound').count(), 0);
    await page.getByRole('button', { name: 'Try Again' }).waitFor();
  });
});
