import { fixturePath } from '../../support/fixtures';
import type { InspectorPage } from './inspectorPage';
import type { View } from './views';

/** The states of the Forward view, each as a person reaches it. */

const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');
const recipeInt8 = fixturePath('torch-2.13', 'recipe_lstm.fbgemm.quantized.pt');
const script = fixturePath('torch-2.13', 'recipe_lstm.script.pt');
const wordLm = fixturePath('torch-2.13', 'word_lm.pt');
export const recipeSource = { path: fixturePath('forward', 'recipe.py'), className: null, init: {} };

async function ran({ page }: InspectorPage): Promise<void> {
  await page.getByTestId('percent').waitFor({ timeout: 30_000 });
  await page.locator('.value-ticks').waitFor();
}

/** The class of the recipe is chosen as the quick pick would; only VS Code's own dialogs are left out. */
async function withClass({ document }: InspectorPage): Promise<void> {
  await document.loaded;
  await document.code.use({ source: recipeSource });
}

export const forwardViews: readonly View[] = [
  {
    name: 'forward: a form only',
    file: wordLm,
    async show({ page }) {
      await page.getByTestId('tab-forward').click();
      await page.getByTestId('choose-code').waitFor();
    },
  },
  {
    name: 'forward: a file that is quantized already',
    file: recipeInt8,
    async show(inspector) {
      await inspector.page.getByTestId('tab-forward').click();
      await inspector.page.getByTestId('run-forward').click();
      await ran(inspector);
      await inspector.page.getByTestId('stored-note').waitFor();
    },
  },
  {
    name: 'forward: by the archive’s own code',
    file: script,
    async show(inspector) {
      await inspector.page.getByTestId('run-forward').click();
      await ran(inspector);
    },
  },
  {
    name: 'forward: by a class',
    file: recipe,
    async show(inspector) {
      await withClass(inspector);
      await inspector.page.getByTestId('run-forward').click();
      await ran(inspector);
    },
  },
  {
    name: 'forward: by a plan',
    file: wordLm,
    async show(inspector) {
      const { page } = inspector;
      await page.getByTestId('tab-forward').click();
      await page.getByTestId('propose-plan').click();
      await page.getByTestId('plan').waitFor();
      await page.getByTestId('run-forward').click();
      await ran(inspector);
    },
  },
  {
    name: 'forward: outputs as a picture',
    file: script,
    async show(inspector) {
      const { page } = inspector;
      await page.getByTestId('run-forward').click();
      await ran(inspector);
      await page.getByTestId('outputs').locator('.segmented').first().getByRole('button').nth(1).click();
      await page.getByTestId('heatmap').waitFor();
      await page.getByTestId('outputs').locator('.segmented').nth(1).getByRole('button').nth(2).click();
      await page.getByTestId('heatmap').waitFor();
    },
  },
  {
    name: 'forward: an ONNX graph that ran',
    file: fixturePath('onnxRuntime', 'block.onnx'),
    async show({ page }) {
      await page.getByTestId('run-forward').click();
      await page.getByTestId('percent').waitFor({ timeout: 30_000 });
      await page.getByTestId('step-panel').waitFor();
    },
  },
  {
    name: 'forward: an ONNX graph',
    file: fixturePath('torch-2.13', 'mlp.onnx'),
    async show({ page }) {
      await page.getByTestId('tab-forward').click();
      await page.getByTestId('whole').waitFor();
    },
  },
  {
    name: 'forward: a class that does not fit',
    file: wordLm,
    async show({ page, document }) {
      await document.loaded;
      document.showTab('forward');
      await document.code.use({ source: recipeSource });
      await page.getByTestId('notice').waitFor();
    },
  },
];
