import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { fixturePath } from '../support/fixtures';
import { axeViolations } from './support/axe';
import { forwardViews, recipeSource } from './support/forwardViews';
import { themes } from './support/inspectorPage';
import { inspectorSuite } from './support/inspectorSuite';

describe('the Forward view in a browser', function () {
  this.timeout(120_000);
  const { at, show } = inspectorSuite();

  const meanings = [
    ['en', /float here means the values that its stored codes stand for/],
    ['ko', /float은 저장된 코드가 나타내는 값/],
  ] as const;
  for (const [language, meaning] of meanings) {
    it(`says what float means where the file is quantized already, ${language}, and nothing of it elsewhere`, async () => {
      for (const [name, notes] of [
        ['recipe_lstm.fbgemm.quantized.pt', 1],
        ['recipe_lstm.pt', 0],
      ] as const) {
        const { page } = await show(fixturePath('torch-2.13', name), { language });
        await page.getByTestId('tab-forward').click();
        await page.getByTestId('run-forward').click();
        await page.getByTestId('percent').waitFor({ timeout: 30_000 });
        assert.equal(await page.getByTestId('stored-note').filter({ hasText: meaning }).count(), notes, name);
      }
    });
  }

  for (const language of ['en', 'ko'] as const) {
    for (const view of forwardViews) {
      it(`${view.name}, ${language}: axe finds no violation in four themes, the console is silent`, async () => {
        const shown = await show(view.file, { language });
        await view.show(shown);
        for (const theme of themes) {
          await shown.setTheme(theme);
          await shown.page.waitForTimeout(50);
          assert.deepEqual(await axeViolations(shown.page), [], theme);
        }
        assert.deepEqual(shown.problems, []);
        assert.ok(await shown.page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'it is too wide');
        assert.ok(await shown.page.evaluate('document.body.scrollHeight <= innerHeight'), 'the whole page scrolls');
      });
    }
  }

  it('keeps buttons and menus inside a window of 420 pixels', async () => {
    const { page } = await show(fixturePath('torch-2.13', 'recipe_lstm.pt'), { width: 420 });
    await page.getByTestId('quantize').click();
    await page.getByTestId('coverage').waitFor({ state: 'attached' });
    await page.getByTestId('run-forward').click();
    await page.getByTestId('save-outputs').click();
    await page.getByRole('menu').waitFor();
    const outside = await page.evaluate(
      '[...document.querySelectorAll("header button, .menu")].filter((each) => each.getBoundingClientRect().left < 0 || each.getBoundingClientRect().right > innerWidth).map((each) => each.textContent)',
    );
    assert.deepEqual(outside, []);
  });

  it('takes a text where a tokenizer.json lies beside the model, and only there', async () => {
    const model = at('said.pt');
    await copyFile(fixturePath('torch-2.13', 'word_lm.pt'), model);
    const bare = await show(model);
    await bare.document.loaded;
    await bare.document.code.proposePlan();
    const { page: alone } = bare;
    await alone.getByTestId('tab-forward').click();
    await alone.getByRole('button', { name: 'Typed', exact: true }).waitFor();
    assert.equal(await alone.getByRole('button', { name: 'Text', exact: true }).count(), 0);
    await copyFile(fixturePath('tokenizers', 'unigram.json'), at('tokenizer.json'));
    const { page, document, problems } = await show(model);
    await document.loaded;
    await document.code.proposePlan();
    await page.getByTestId('tab-forward').click();
    await page.getByRole('button', { name: 'Text', exact: true }).click();
    await page.getByRole('textbox', { name: 'A text for tokenizer.json' }).fill('The scale');
    await page.getByTestId('form-run').click();
    await page.getByTestId('percent').waitFor({ timeout: 30_000 });
    const tokens = JSON.parse(await readFile(fixturePath('tokenizers', 'expected.json'), 'utf8')).unigram[1].ids.length;
    assert.deepEqual(document.snapshot.forward?.inputs[0].shape, [tokens, 1]);
    assert.deepEqual(problems, []);
  });

  const wholes: readonly (readonly [string, string, boolean])[] = [
    ['an archive’s own code', fixturePath('torch-2.13', 'recipe_lstm.script.pt'), false],
    ['a class of a Python file', fixturePath('torch-2.13', 'recipe_lstm.pt'), true],
  ];
  for (const [name, file, byClass] of wholes) {
    it(`${name} runs with PyTorch’s numbers, its scales over the steps, and one number explained`, async () => {
      const { page, document } = await show(file);
      await document.loaded;
      if (byClass) await document.code.use({ source: recipeSource });
      await page.getByTestId('run-forward').click();
      await page.getByTestId('percent').waitFor({ timeout: 30_000 });
      const numbers = await Promise.all(
        ['mean-float', 'mean-int8', 'mean-diff', 'percent'].map((id) => page.getByTestId(id).innerText()),
      );
      assert.deepEqual(numbers, ['0.12887', '0.12912', '0.00156', '1.21']);
      await page.getByTestId('step-panel').getByText('0.00367718').waitFor();
      await page.getByTestId('explain').getByRole('button').click();
      await page.getByRole('row', { name: /int8 output/ }).waitFor();
      await page.getByTestId('output-choice').selectOption('2');
      await page.getByText(/mean \|x\|/).waitFor();
    });
  }

  it('a drag over the steps pools their values, also by keyboard, and a double click goes back to one', async () => {
    const { page, document } = await show(fixturePath('torch-2.13', 'recipe_lstm.pt'));
    await document.loaded;
    await page.getByTestId('run-forward').click();
    await page.getByTestId('percent').waitFor({ timeout: 30_000 });
    const chart = page.getByRole('slider', { name: /Scale of weight_hh_l0/ });
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + 100, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 160, box.y + 60);
    await page.mouse.move(box.x + 200, box.y + 60);
    await page.mouse.up();
    const panel = page.getByTestId('step-panel');
    await panel.getByText(/Steps \d+ to \d+/).waitFor();
    await panel.getByText('SQNR, one scale for all').waitFor();
    assert.deepEqual(await axeViolations(page), []);
    await page.mouse.dblclick(box.x + 150, box.y + 60);
    await panel.getByText(/^Step \d+/).waitFor();
    await chart.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await panel.getByText('Steps 0 to 2').waitFor();
    assert.equal(await chart.getAttribute('aria-valuetext'), 'steps 0 to 2 pooled');
    await page.keyboard.press('ArrowRight');
    await panel.getByText(/^Step 1/).waitFor();
  });

  it('an ONNX graph runs float and int8 on the inputs that it names, with the scales that ONNX Runtime chose', async () => {
    const { page, document } = await show(fixturePath('onnxRuntime', 'block.onnx'));
    await document.loaded;
    await page.getByTestId('tab-forward').click();
    await page
      .getByTestId('whole')
      .getByText(/ONNX Runtime runs the whole graph/)
      .waitFor();
    await document.code.prepare();
    assert.equal(document.snapshot.notice, null);
    await page.getByTestId('form-run').click();
    await page.getByTestId('percent').waitFor({ timeout: 30_000 });
    const { forward } = document.snapshot;
    assert.equal(await page.getByTestId('percent').innerText(), forward?.accuracy.percent.toFixed(2));
    assert.ok(forward !== null && forward.accuracy.maxAbsDiff > 0 && forward.latencyUs.quantized.p95 > 0);
    const products = page.locator('.product');
    assert.equal(await products.count(), 6);
    await products.last().click();
    const scale = forward.products[5].scale[0];
    await page.getByTestId('step-panel').getByText(scale.toPrecision(6)).waitFor();
    await page.locator('.value-ticks').waitFor();
    assert.equal(await page.getByTestId('explain').count(), 0);
    await page.getByTestId('graph-value').fill('u');
    await page.getByTestId('form-run').click();
    await page.getByTestId('output-choice').selectOption('1');
    assert.equal(document.snapshot.forward?.outputs[1].float.name, 'u');
    await page.getByTestId('outputs').locator('.segmented').first().getByRole('button').nth(1).click();
    await page.getByTestId('heatmap').waitFor();
  });

  it('what is ticked in an ONNX graph is what is quantized, run and measured', async () => {
    const { page, document, problems, setTheme } = await show(fixturePath('onnxRuntime', 'word_lm.onnx'));
    await document.loaded;
    await page.getByTestId('quantize').click();
    const box = page.getByRole('checkbox', { name: 'Quantize rnn', exact: true });
    await box.click();
    await page.locator('[role=checkbox][aria-label="Quantize rnn"][aria-checked=false]').waitFor();
    await page.getByTestId('run-forward').click();
    await page.getByTestId('percent').waitFor({ timeout: 30_000 });
    assert.deepEqual(
      document.snapshot.forward?.products.map(({ module }) => module),
      ['head'],
    );
    await page.getByTestId('tab-error').click();
    await page.getByTestId('error-view').waitFor({ timeout: 30_000 });
    const { sensitivity } = document.snapshot;
    assert.deepEqual([sensitivity?.scope, sensitivity?.layers[0].path], ['model', 'rnn']);
    for (const theme of themes) {
      await setTheme(theme);
      assert.deepEqual(await axeViolations(page), [], theme);
    }
    assert.deepEqual(problems, []);
  });

  it('a pass of an ONNX graph is cancelled, and the next one runs', async () => {
    const { page, document } = await show(fixturePath('onnxRuntime', 'block.onnx'));
    await document.loaded;
    await page.getByTestId('tab-forward').click();
    await document.code.prepare();
    const shapes = document.snapshot.whole?.inputs.map(({ shape }) => shape) ?? [];
    const endless = { module: '', seed: 1, shapes, engine: 'fbgemm', perChannel: false, warmup: 0 } as const;
    const controller = new AbortController();
    const running = document.engine.call('forward', { ...endless, runs: 1_000_000_000 }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 500);
    await assert.rejects(running, (error: { code?: string }) => error.code === 'E_ABORTED');
    await page.getByTestId('form-run').click();
    await page.getByTestId('percent').waitFor({ timeout: 30_000 });
  });

  it('a source that fails says where, and the place is a link', async () => {
    const path = at('broken.py');
    await writeFile(
      path,
      'import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.lstm = nn.Lstm(8, 8)\n',
    );
    const { page, document } = await show(fixturePath('torch-2.13', 'recipe_lstm.pt'));
    await document.loaded;
    assert.equal(await document.code.use({ source: { path, className: 'Net', init: {} } }), false);
    const link = page.getByTestId('open-place');
    await link.waitFor();
    assert.equal(await link.innerText(), 'Open broken.py, line 5');
  });

  it('a step of a plan is left out, and the plan is checked again', async () => {
    const { page, document } = await show(fixturePath('torch-2.13', 'word_lm.pt'));
    await document.loaded;
    document.showTab('forward');
    await document.code.proposePlan();
    const steps = document.snapshot.plan?.plan.steps ?? [];
    const input = page.getByLabel(new RegExp(`What ${steps[1].name} takes`));
    await input.fill('nobody');
    await input.press('Enter');
    await page.getByTestId('notice').waitFor();
    assert.equal(document.snapshot.plan?.plan.steps[1].from[0], steps[1].from[0]);
    await page.getByTestId(`leave-out-${steps.at(-1)?.name}`).click();
    await page
      .locator('.plan .from')
      .nth(steps.length - 1)
      .waitFor({ state: 'detached' });
    assert.equal(document.snapshot.plan?.plan.outputs[0], steps.at(-1)?.from[0]);
  });

  it('layers are ranked on the inputs of the last pass of the whole model', async () => {
    const { document } = await show(fixturePath('torch-2.13', 'mlp.trace.pt'));
    await document.loaded;
    await document.code.prepare();
    await document.quantize();
    const shapes = [[3, 32]];
    await document.runForward({ module: '', seed: 7, shapes, ...document.code.chosen });
    await document.measureSensitivity();
    const { sensitivity } = document.snapshot;
    assert.equal(sensitivity?.scope, 'model');
    assert.equal(sensitivity?.seed, 7);
    assert.deepEqual(
      sensitivity?.inputs.map(({ shape }) => [...shape]),
      shapes,
    );
    assert.equal(sensitivity?.layers.length, 2);
  });
});
