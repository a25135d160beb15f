import { fixturePath } from '../../support/fixtures';
import type { InspectorPage } from './inspectorPage';

/** One state of the inspector that a person can be in, and how to get there. */
export interface View {
  readonly name: string;
  readonly file: string;
  readonly kind?: 'editor' | 'side';
  /** Where it needs a window of its own size. */
  readonly size?: { readonly width: number; readonly height: number };
  show(inspector: InspectorPage): Promise<void>;
}

const wordLm = fixturePath('torch-2.13', 'word_lm.pt');
const gpt = fixturePath('forward', 'gpt.pt');
const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');
const quantizedLm = fixturePath('torch-2.13', 'word_lm.fbgemm.quantized.pt');

async function quantized({ page }: InspectorPage): Promise<void> {
  await page.getByTestId('quantize').click();
  // A narrow page hides the sentence, not what it says.
  await page.getByTestId('coverage').waitFor({ state: 'attached' });
  await page.locator('[data-id="t:rnn.weight_ih_l0"]').click();
  await page.getByTestId('scale-value').waitFor();
}

/** The third button of the choice between histogram, heatmap and table, whatever the language. */
async function valuesAs({ page }: InspectorPage, index: number): Promise<void> {
  await page.getByTestId('weights').locator('.segmented').nth(1).getByRole('button').nth(index).click();
}

export const views: readonly View[] = [
  {
    name: 'overview',
    file: wordLm,
    async show({ page }) {
      await page.locator('.tile').first().waitFor();
      await page.locator('.health').waitFor();
      await page.locator('.sparkline').first().waitFor({ state: 'attached' });
    },
  },
  { name: 'weights', file: wordLm, show: quantized },
  {
    name: 'per-channel',
    file: wordLm,
    async show(inspector) {
      await quantized(inspector);
      await inspector.page.getByTestId('weights').locator('.segmented').first().getByRole('button').nth(1).click();
      await inspector.page.locator('.bars.int8').waitFor();
    },
  },
  {
    name: 'heatmap',
    file: wordLm,
    async show(inspector) {
      await quantized(inspector);
      await valuesAs(inspector, 1);
      await inspector.page.getByTestId('heatmap').waitFor();
    },
  },
  {
    name: 'values',
    file: wordLm,
    async show(inspector) {
      await quantized(inspector);
      await valuesAs(inspector, 2);
      await inspector.page.getByTestId('values-table').waitFor();
    },
  },
  {
    name: 'forward',
    file: recipe,
    async show({ page }) {
      await page.getByTestId('quantize').click();
      await page.getByTestId('coverage').waitFor({ state: 'attached' });
      await page.getByTestId('run-forward').click();
      await page.getByTestId('percent').waitFor({ timeout: 20_000 });
      await page.locator('.value-ticks').waitFor();
    },
  },
  {
    name: 'error',
    file: gpt,
    async show({ page, document }) {
      await page.getByTestId('quantize').click();
      await page.getByTestId('coverage').waitFor({ state: 'attached' });
      document.select('t:lm_head.weight');
      await page.getByTestId('tab-error').click();
      await page.getByTestId('error-view').first().waitFor({ timeout: 20_000 });
      await page.getByTestId('channel-errors').waitFor({ timeout: 20_000 });
      await page.locator('.target-slider').fill('330');
    },
  },
  {
    name: 'wide',
    file: wordLm,
    size: { width: 1720, height: 900 },
    async show({ page, document }) {
      await page.getByTestId('quantize').click();
      await page.getByTestId('coverage').waitFor({ state: 'attached' });
      document.select('t:rnn.weight_hh_l1');
      await page.getByTestId('weights').waitFor();
      // In a narrower window the error has a tab of its own.
      if (await page.evaluate('innerWidth >= 1600'))
        await page.getByTestId('channel-errors').waitFor({ timeout: 20_000 });
    },
  },
  {
    name: 'choices',
    file: wordLm,
    async show(inspector) {
      const { page, document } = inspector;
      await document.loaded;
      document.setSpec({ overrides: [{ target: 'encoder', qconfig: 'float_qparams' }] });
      await page.getByTestId('choices').waitFor();
      await page.getByTestId('coverage-fold').click();
      await page.getByTestId('module-coverage').locator('tbody tr').first().waitFor();
      await page.getByTestId('measure-break-even').click();
      await page.getByTestId('break-even').locator('.halo').waitFor({ timeout: 60_000 });
      await page.getByTestId('choices').evaluate((table) => table.scrollIntoView());
    },
  },
  {
    name: 'compare',
    file: wordLm,
    async show({ page, document }) {
      await document.loaded;
      await document.compareWith(quantizedLm);
      await page.getByTestId('compare').waitFor();
    },
  },
  {
    name: 'side',
    file: recipe,
    kind: 'side',
    async show({ page, document }) {
      await document.loaded;
      document.select('t:lstm.weight_ih_l0');
      await page.getByTestId('scale-value').waitFor();
    },
  },
];

async function quantizedRecipe({ page }: InspectorPage): Promise<void> {
  await page.getByTestId('quantize').click();
  await page.getByTestId('coverage').waitFor({ state: 'attached' });
}

/** The five steps of the walkthrough, on the recipe's LSTM. */
export const walkthroughViews: readonly View[] = [
  { name: 'setUp', file: recipe, show: (views.find(({ name }) => name === 'overview') as View).show },
  {
    name: 'quantize',
    file: recipe,
    async show(inspector) {
      await quantizedRecipe(inspector);
      await inspector.page.locator('[data-id="t:lstm.weight_ih_l0"]').click();
      await inspector.page.getByTestId('scale-value').waitFor();
    },
  },
  {
    name: 'size',
    file: recipe,
    async show(inspector) {
      await quantizedRecipe(inspector);
      await inspector.page.locator('.fill.int8').waitFor();
    },
  },
  { name: 'latency', file: recipe, show: (views.find(({ name }) => name === 'forward') as View).show },
  { name: 'accuracy', file: gpt, show: (views.find(({ name }) => name === 'error') as View).show },
];
