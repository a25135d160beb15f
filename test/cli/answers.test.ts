import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { commandLine, type Json } from '../support/commandLine';
import { fixturePath } from '../support/fixtures';
import { readNpz } from '../support/npz';

describe('answers on the command line', function () {
  this.timeout(60_000);
  const { at, run, json } = commandLine();

  it('forward runs a quantized file as it is, and writes its outputs', async () => {
    const out = at('out.npz');
    const file = fixturePath('torch-2.13', 'mlp.fbgemm.quantized_module.pt');
    const inputs = fixturePath('torch-2.13', 'mlp.npz');
    const result = await json(
      'forward',
      file,
      '--inputs',
      inputs,
      '--engine',
      'fbgemm',
      '--outputs',
      out,
      '--runs',
      '1',
    );
    assert.equal(result.activations.length, 2);
    const [written, theirs] = [await readNpz(out), await readNpz(inputs)];
    assert.deepEqual(written.get('output.0'), theirs.get('fbgemm.0'));
  });

  it('forward --outputs of one module are its float outputs, or with --quantized the others', async () => {
    const out = at('lstm.npz');
    const file = fixturePath('torch-1.13', 'recipe_lstm.pt');
    const inputs = fixturePath('torch-1.13', 'recipe_lstm.npz');
    await json('forward', file, '--module', 'lstm', '--inputs', inputs, '--outputs', out, '--runs', '1');
    const float = (await readNpz(out)).get('output.0')?.data as Float32Array;
    const expected = (await readNpz(inputs)).get('float.0')?.data as Float32Array;
    assert.ok(float.every((value, i) => Math.abs(value - expected[i]) <= 1e-6));
    await json('forward', file, '--module', 'lstm', '--inputs', inputs, '--outputs', out, '--runs', '1', '--quantized');
    const int8 = (await readNpz(out)).get('output.0')?.data as Float32Array;
    assert.ok(int8.some((value, i) => Math.abs(value - expected[i]) > 1e-4));
  });

  it('quantize lists what is quantized already with that reason', async () => {
    const { modules, skipped } = await json('quantize', fixturePath('twins', 'fused.2.13.module.pt'));
    assert.deepEqual(modules, []);
    assert.deepEqual(new Set(skipped.map(({ reason }: Json) => reason)), new Set(['it is quantized already']));
  });

  const mlp = fixturePath('torch-2.13', 'mlp.module.pt');
  const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');
  const text = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  };

  it('coverage: every module with its reason', async () => {
    const { rows, quantized, float, share } = await json('coverage', mlp, '--exclude', '2');
    assert.deepEqual(
      rows.map(({ path, status, reason }: Json) => [path, status, reason]),
      [
        ['', 'container', ''],
        ['0', 'quantized', ''],
        ['1', 'float', 'it has no parameters'],
        ['2', 'float', 'excluded'],
      ],
    );
    assert.deepEqual([quantized, float], [1, 2]);
    assert.equal(share, (32 * 64) / (32 * 64 + 64 + 64 * 10 + 10));
    assert.match(await text('coverage', mlp), /2 quantized, 1 float; \d+\.\d % of the parameters/);
  });

  it('weights: the error of every int8 weight, and of one by channel', async () => {
    const all = await json('weights', mlp);
    assert.deepEqual(
      all.weights.map(({ name, scheme, other }: Json) => [name, scheme, other.scheme]),
      [
        ['0.weight', 'per_tensor', 'per_channel'],
        ['2.weight', 'per_tensor', 'per_channel'],
      ],
    );
    const [one] = (await json('weights', mlp, '--tensor', '2.weight', '--per-channel')).weights;
    assert.equal(one.channels.sqnrDb.length, 10);
    assert.ok(one.sqnrDb >= one.other.sqnrDb);
    assert.match(await text('weights', mlp, '--tensor', '2.weight'), /channel +SQNR dB +rmse/);
  });

  it('sensitivity on given inputs is that of the whole model, and suggests what to keep in float', async () => {
    const inputs = fixturePath('torch-2.13', 'mlp.npz');
    const found = await json('sensitivity', mlp, '--inputs', inputs, '--target', '60');
    assert.deepEqual([found.scope, found.inputs], ['model', [{ name: 'input', shape: [4, 32] }]]);
    assert.deepEqual(found.layers.map(({ path }: Json) => path).sort(), ['0', '2']);
    assert.ok(found.layers[0].sqnrDb <= found.layers[1].sqnrDb);
    assert.equal(found.curve.length, 3);
    assert.equal(found.suggestion.reached, true);
    assert.ok((found.suggestion.measuredDb ?? 1e9) >= 60);
    const printed = await text('sensitivity', mlp, '--random', '1', '--budget', '1000000');
    assert.match(printed, /on random inputs of seed 1: input 20 × 32/);
    assert.match(printed, /For 1000000 bytes keep 0, 2|For 1000000 bytes keep 2, 0/);
  });

  it('sensitivity of a whole TorchScript archive, and by layers where nothing tells the forward', async () => {
    const whole = await json('sensitivity', fixturePath('torch-2.13', 'recipe_lstm.script.pt'));
    assert.equal(whole.scope, 'model');
    const layers = await json('sensitivity', fixturePath('torch-2.13', 'word_lm.pt'));
    assert.deepEqual([layers.scope, layers.layers.length], ['layer', 2]);
    assert.notEqual(layers.reason, '');
  });

  it('sensitivity by a class, by its file in a package below --root, and by a plan, is that of the whole model', async () => {
    const ranked = (found: Json) => [found.scope, found.layers.map(({ path }: Json) => path)];
    const [file, source] = [fixturePath('forward', 'word_lm.pt'), fixturePath('forward', 'models.py')];
    const byClass = await json('sensitivity', file, '--source', `${source}:WordLM`);
    assert.deepEqual(ranked(byClass), ['model', ['decoder', 'rnn']]);

    // The same class in another module: only from --root is the import found.
    await mkdir(at('project', 'models'), { recursive: true });
    await copyFile(source, at('project', 'layers.py'));
    const model = at('project', 'models', 'lm.py');
    await writeFile(model, 'from layers import WordLM\n\n\nclass Own(WordLM):\n    pass\n');
    const below = await json('sensitivity', file, '--source', `${model}:Own`, '--root', at('project'));
    assert.deepEqual(below.layers, byClass.layers);
    const { code, stderr } = await run(['sensitivity', file, '--source', `${model}:Own`]);
    assert.deepEqual([code, /layers/.test(stderr)], [1, true]);

    const byPlan = await json('sensitivity', fixturePath('torch-2.13', 'word_lm.pt'), '--plan');
    assert.deepEqual(ranked(byPlan), ['model', ['decoder', 'rnn']]);
  });

  it('explain: one output number is its accumulator times the multiplier plus the bias', async () => {
    const one = await json(
      'explain',
      recipe,
      '--module',
      'lstm',
      '--product',
      'lstm.weight_hh_l0',
      '--step',
      '3',
      '--channel',
      '5',
    );
    const sum = one.terms.reduce((total: number, { product }: Json) => total + product, 0);
    assert.deepEqual([one.k, one.terms.length, sum], [8, 8, one.accumulator]);
    assert.ok(Math.abs(one.output - (one.accumulator * one.multiplier + one.bias)) < 1e-6);
    assert.match(await text('explain', recipe, '--product', 'lstm.weight_ih_l0'), /row 0 of 20, channel 0 of 32/);
  });

  it('breakeven: the layer itself among larger and smaller ones', async () => {
    const { points } = await json('breakeven', mlp, '--module', '0', '--runs', '2');
    assert.equal(points.filter(({ own }: Json) => own).length, 1);
    assert.ok(points.length > 3);
  });

  const wrong: readonly [what: string, args: readonly string[], message: RegExp][] = [
    ['explain without a product', ['explain', recipe], /--product MODULE\.WEIGHT/],
    ['breakeven without a module', ['breakeven', mlp], /--module PATH/],
    ['a target that is no number', ['sensitivity', mlp, '--target', 'many'], /--target must be a number of dB/],
    ['target and budget', ['sensitivity', mlp, '--target', '3', '--budget', '4'], /goes without --budget/],
    ['a plan and a class', ['sensitivity', mlp, '--plan', '--source', 'model.py'], /--plan goes without --source/],
    [
      'inputs and shapes',
      ['sensitivity', mlp, '--inputs', 'x.npz', '--shape', '1'],
      /--inputs goes without other inputs/,
    ],
  ];
  for (const [what, args, message] of wrong) {
    it(`${what} is wrong usage`, async () => {
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    });
  }
});
