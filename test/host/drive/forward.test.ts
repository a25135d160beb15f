import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, Workbench } from './workbench';

const fixture = (...parts: string[]) => join(root, 'test', 'fixtures', ...parts);
const printed = ['0.12887', '0.12912', '0.00156', '1.21'];

/** The recipe's class in the second code cell of a notebook. */
async function writeNotebook(path: string): Promise<void> {
  const code = (source: string) => ({
    cell_type: 'code',
    metadata: {},
    execution_count: null,
    outputs: [],
    source: source.split('\n').map((line, i, all) => (i < all.length - 1 ? `${line}\n` : line)),
  });
  const recipe = await readFile(fixture('forward', 'recipe.py'), 'utf8');
  const [imports, rest] = recipe.split(/^(?=class )/m);
  const definition = rest.slice(0, rest.indexOf('torch.manual_seed')).trimEnd();
  const cells = [code(imports.trimEnd()), code(definition)];
  const notebook = {
    cells,
    metadata: {
      kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' },
      language_info: { name: 'python' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  await writeFile(path, JSON.stringify(notebook));
}

describe('a person runs the whole model in a real VS Code', function () {
  this.timeout(240_000);
  let workbench: Workbench;
  let source: string;

  before(async () => {
    source = await mkdtemp(join(tmpdir(), 'quantscope-forward-'));
    await writeNotebook(join(source, 'train.ipynb'));
    workbench = await Workbench.open({
      files: {
        'recipe_lstm.pt': fixture('torch-2.13', 'recipe_lstm.pt'),
        'recipe.py': fixture('forward', 'recipe.py'),
        'train.ipynb': join(source, 'train.ipynb'),
      },
    });
  });
  after(async () => {
    await workbench?.close();
    await rm(source, { recursive: true, force: true });
  });

  /** A notebook has a frame of its own, which stays in front of ours in the page. */
  async function numbers(view = workbench.webview()): Promise<string[]> {
    await view.getByTestId('percent').waitFor({ timeout: 60_000 });
    return Promise.all(
      ['mean-float', 'mean-int8', 'mean-diff', 'percent'].map((id) => view.getByTestId(id).innerText()),
    );
  }

  it('from the checkpoint: is asked for the class, and sees the recipe’s numbers', async () => {
    await workbench.contextMenu('recipe_lstm.pt', 'Run Forward Pass...');
    const row = workbench.page.locator('.quick-input-list .monaco-list-row');
    await row.filter({ hasText: 'lstm_for_demonstration' }).first().waitFor({ timeout: 60_000 });
    assert.match(await row.filter({ hasText: 'recipe.py' }).first().innerText(), /recipe\.py:10/);
    await workbench.screenshot('forward-class-pick');
    await workbench.pick('recipe.py');
    assert.deepEqual(await numbers(), printed);
    const view = workbench.webview();
    await view
      .getByTestId('whole')
      .getByText(/lstm_for_demonstration of recipe\.py/)
      .waitFor();
    await view.getByTestId('step-panel').getByText('0.00367718').waitFor();
    for (const theme of ['dark', 'light'] as const) {
      await workbench.setTheme(theme);
      await workbench.page.waitForTimeout(500);
      await workbench.screenshot(`forward-whole-${theme}`);
    }
    assert.deepEqual(workbench.problems, []);
    await workbench.closeEditors();
  });

  it('from the class in the Python file: Run above its line', async () => {
    await workbench.openFile('recipe.py');
    const lens = workbench.page.locator('.codelens-decoration');
    await lens.first().waitFor({ timeout: 60_000 });
    assert.match((await lens.first().innerText()).replaceAll(/\s+/g, ' '), /Inspect ?\| ?Quantize ?\| ?Run/);
    await workbench.screenshot('forward-codelens');
    await lens.first().getByText('Run', { exact: true }).click();
    assert.deepEqual(await numbers(), printed);
    await workbench.closeEditors();
  });

  it('from the notebook’s cell: Run in its status bar', async () => {
    await workbench.openFile('train.ipynb');
    const item = workbench.page.locator('.cell-statusbar-container').getByText('Run lstm_for_demonstration');
    await item.first().waitFor({ timeout: 60_000 });
    await workbench.screenshot('forward-notebook');
    await item.first().click();
    await workbench.page.getByRole('tab', { name: 'recipe_lstm.pt', selected: true }).waitFor({ timeout: 30_000 });
    const view = workbench.webview('side');
    assert.deepEqual(await numbers(view), printed);
    await view
      .getByTestId('whole')
      .getByText(/train\.ipynb/)
      .waitFor();
    assert.deepEqual(workbench.problems, []);
  });
});
