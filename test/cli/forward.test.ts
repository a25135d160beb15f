import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { neverAborted } from '../../src/core/abort';
import { int64Tensor } from '../../src/engine/tensor/tensor';
import { writeArrays } from '../../src/worker/outputArrays';
import { commandLine, type Json, sortedKeys } from '../support/commandLine';
import { fixturePath } from '../support/fixtures';
import { readNpz } from '../support/npz';
import { textGraph } from '../support/textGraph';

const mlp = fixturePath('torch-2.13', 'mlp.pt');
const wordLm = fixturePath('torch-2.13', 'word_lm.pt');
const recipeLstm = fixturePath('torch-2.13', 'recipe_lstm.pt');

describe('the command line', function () {
  this.timeout(30_000);
  const { at, run, json } = commandLine();

  describe('forward --plan', () => {
    it('proposes, saves beside the model, and runs what was saved', async () => {
      const model = at('plain.pt');
      await copyFile(mlp, model);
      const saved = await json('forward', model, '--save-plan');
      assert.equal(saved.path, `${model}.forward.json`);
      assert.deepEqual(saved.assumptions, ['relu: ReLU; 1 has no parameters, so it is an activation']);
      const relu = await json('forward', model, '--plan', '--runs', '1');
      const text = await readFile(saved.path, 'utf8');
      await writeFile(saved.path, text.replaceAll('"relu"', '"tanh"'));
      const tanh = await json('forward', model, '--plan', '--runs', '1');
      assert.notDeepEqual(tanh.outputs, relu.outputs);
      assert.deepEqual((await json('forward', model, '--plan', saved.path, '--runs', '1')).outputs, tanh.outputs);
      const int8 = await json('forward', model, '--plan', '--quantized', '--runs', '1');
      assert.deepEqual(
        int8.activations.map(({ module }: Json) => module),
        ['0', '2'],
      );
    });

    it('names what is wrong in a plan', async () => {
      const plan = at('wrong.json');
      await writeFile(plan, '{"format": "quantscope-forward-plan", "version": 1, "inputs": []}');
      const { code, stderr } = await run(['forward', mlp, '--plan', plan]);
      assert.equal(code, 1);
      assert.match(stderr, /wrong\.json, inputs: .*E_PLAN/);
    });
  });

  describe('forward --text', () => {
    const tokenizer = fixturePath('tokenizers', 'unigram.json');

    it('runs on the token ids of the tokenizer beside the model', async () => {
      const model = at('said.pt');
      await copyFile(wordLm, model);
      const away = await run(['forward', model, '--plan', '--text', 'The scale', '--runs', '1']);
      assert.deepEqual([away.code, /tokenizer\.json.*E_IO/.test(away.stderr)], [1, true]);
      await copyFile(tokenizer, at('tokenizer.json'));
      const short = await json('forward', model, '--plan', '--text', 'The scale', '--runs', '1');
      const long = await json('forward', model, '--plan', '--text', 'The scale of a layer', '--runs', '1');
      assert.ok(long.outputs[0].shape[0] > short.outputs[0].shape[0]);
    });

    it('gives an ONNX graph its ids, mask and types by their names; its layers are ranked on them too', async () => {
      const model = at('text.onnx');
      await writeFile(model, await textGraph());
      const said = ['--text', 'The scale', '--tokenizer', fixturePath('tokenizers', 'wordPiece.json')];
      const { outputs } = await json('forward', model, ...said, '--runs', '1');
      const arrays = [
        [1, 1, 1, 1, 1],
        [2, 104, 156, 169, 3],
        [0, 0, 0, 0, 0],
      ].map((values, i) => ({ name: `input.${i}`, ...int64Tensor(values, [1, 5]) }));
      await writeArrays(at('ids.npz'), arrays, model, neverAborted);
      assert.deepEqual(outputs, (await json('forward', model, '--inputs', at('ids.npz'), '--runs', '1')).outputs);
      const { scope, inputs, layers } = await json('sensitivity', model, ...said);
      assert.deepEqual([scope, inputs[1]], ['model', { name: 'input_ids', shape: [1, 5] }]);
      assert.ok(layers.length > 0);

      const [{ module, weight }] = (await json('forward', model, ...said, '--runs', '1', '--quantized')).activations;
      const saved = ['--activations', at('steps.npz'), '--product', `${module}.${weight}`];
      await json('forward', model, ...said, '--runs', '1', ...saved);
      const { size } = await readNpz(at('steps.npz'));
      assert.ok(size > 0);
      const { code, stderr } = await run(['forward', model, ...said, ...saved.slice(0, 2), '--product', 'none']);
      assert.deepEqual([code, /Try y\.weight/.test(stderr)], [2, true]);
    });

    it('is no input beside others', async () => {
      for (const more of [
        ['--inputs', 'a.npz'],
        ['--random', '1'],
        ['--shape', '3,1'],
      ]) {
        assert.equal((await run(['forward', wordLm, '--text', 'a', ...more])).code, 2);
      }
      assert.equal((await run(['forward', wordLm, '--tokenizer', tokenizer])).code, 2);
    });
  });

  describe('forward', () => {
    const shapes = ['--shape', '20,1,8', '--shape', '1,1,8', '--shape', '1,1,8'];

    it('--json of the float module', async () => {
      const result = await json('forward', recipeLstm, '--runs', '3');
      assert.deepEqual(
        result.outputs.map((one: Json) => [one.shape, one.dtype]),
        [
          [[20, 1, 8], 'float32'],
          [[1, 1, 8], 'float32'],
          [[1, 1, 8], 'float32'],
        ],
      );
      assert.equal(result.outputs[0].meanAbs.toFixed(5), '0.12887');
      assert.deepEqual([result.latencyUs.runs, result.latencyUs.threads], [3, 1]);
      assert.ok(result.latencyUs.median > 0 && result.latencyUs.p95 >= result.latencyUs.median);
      assert.deepEqual(result.activations, []);
    });

    it('--threads N gives the same numbers, and says how many there were', async () => {
      const [one, two] = [
        await json('forward', recipeLstm, '--runs', '3'),
        await json('forward', recipeLstm, '--runs', '3', '--threads', '2'),
      ];
      assert.deepEqual(two.outputs, one.outputs);
      assert.equal(two.latencyUs.threads, Math.min(2, availableParallelism()));
      for (const wrong of ['0', '17', 'x'])
        assert.equal((await run(['forward', recipeLstm, '--threads', wrong])).code, 2);
    });

    it('a whole model by a class runs on the inputs that its code and shapes propose', async () => {
      const [file, source] = [fixturePath('forward', 'word_lm.pt'), fixturePath('forward', 'models.py')];
      const { outputs } = await json('forward', file, '--source', `${source}:WordLM`, '--runs', '1');
      assert.deepEqual(outputs[0].shape, [20, 40]);
    });

    it('writes nothing over the model that is open', async () => {
      const model = at('open.pt');
      await copyFile(recipeLstm, model);
      for (const option of ['--outputs', '--trace']) {
        const { code, stderr } = await run(['forward', model, '--runs', '1', option, model]);
        assert.deepEqual([code, /E_EXPORT_SOURCE/.test(stderr)], [1, true], option);
      }
      assert.deepEqual(await readFile(model), await readFile(recipeLstm));
    });

    it('--trace writes every scale to a file', async () => {
      const trace = at('trace.json');
      await json('forward', recipeLstm, '--runs', '1', '--trace', trace);
      const { module, engine, activations } = JSON.parse(await readFile(trace, 'utf8'));
      assert.deepEqual([module, engine, activations.length], ['lstm', 'fbgemm', 21]);
      assert.deepEqual(activations[1].weight, 'weight_hh_l0');
    });

    it('--quantized lists the scale of every step', async () => {
      const result = await json(
        'forward',
        recipeLstm,
        '--module',
        'lstm',
        '--random',
        '29592',
        ...shapes,
        '--quantized',
        '--runs',
        '1',
      );
      assert.equal(result.activations.length, 21);
      assert.deepEqual(sortedKeys(result.activations[0]), [
        'call',
        'max',
        'min',
        'module',
        'scale',
        'step',
        'weight',
        'zeroPoint',
      ]);
      const [x, h] = result.activations;
      assert.deepEqual(
        [x.module, x.weight, x.step, x.scale, x.zeroPoint],
        ['lstm', 'weight_ih_l0', 0, 0.046203324175256445, 57],
      );
      assert.deepEqual([h.weight, h.step, h.scale, h.zeroPoint], ['weight_hh_l0', 0, 0.021060500557967057, 59]);
      assert.equal(result.outputs[0].meanAbs.toFixed(5), '0.12912');
    });

    it('qnnpack uses the full range', async () => {
      const { activations } = await json('forward', recipeLstm, '--quantized', '--engine', 'qnnpack', '--runs', '1');
      assert.deepEqual([activations[0].scale, activations[0].zeroPoint], [0.023011067334343407, 115]);
    });

    it('a shape that does not fit is an error in PyTorch’s words', async () => {
      const { code, stderr } = await run(['forward', recipeLstm, '--shape', '20,1,9']);
      assert.equal(code, 1);
      assert.match(stderr, /Expected 8, got 9/);
    });

    it('a module that cannot be run is wrong usage, with the names that can', async () => {
      const { code, stderr } = await run(['forward', wordLm, '--module', 'encoder']);
      assert.equal(code, 2);
      assert.match(stderr, /rnn, decoder/);
    });
  });

  describe('an ONNX graph', () => {
    const block = fixturePath('onnxRuntime', 'block.onnx');

    it('lists and traces the scales of the chosen nodes, the same that quantize and compare choose', async () => {
      const choice = ['--exclude', 'Q', '--exclude', 'o*', '--modules', 'MatMul'];
      const trace = at('trace.json');
      const forward = await json('forward', block, '--quantized', '--trace', trace, '--runs', '1', ...choice);
      const modules = forward.activations.map(({ module }: Json) => module);
      assert.deepEqual(modules, ['K', 'V', 'up', 'down']);
      assert.ok(forward.activations.every(({ scale, min, max }: Json) => scale > 0 && min < max));
      assert.deepEqual(JSON.parse(await readFile(trace, 'utf8')).activations, forward.activations);
      const report = await json('quantize', block, ...choice);
      assert.deepEqual(
        report.modules.map(({ path }: Json) => path),
        modules,
      );
      const compared = await json('compare', block, '--runs', '1', ...choice);
      assert.deepEqual(compared.accuracy, forward.accuracy);
    });

    it('gives a value by name, and names those that there are for one that is not', async () => {
      const { outputs } = await json('forward', block, '--value', 'u', '--runs', '1');
      assert.deepEqual(outputs[1].shape, [1, 5, 32]);
      const { code, stderr } = await run(['forward', block, '--value', 'no', '--runs', '1']);
      assert.deepEqual([code, /no value named "no".*E_ONNX_VALUE/s.test(stderr)], [1, true]);
    });

    it('is ranked layer by layer at its own output', async () => {
      const { scope, layers } = await json('sensitivity', block, '--exclude', 'up');
      assert.equal(scope, 'model');
      assert.deepEqual(layers.map(({ path }: Json) => path).sort(), ['K', 'Q', 'V', 'down', 'out']);
    });

    it('that is quantized already says that both sides are one', async () => {
      const dynamic = fixturePath('onnx', 'lstm.dynamic.onnx');
      const { same, activations } = await json('forward', dynamic, '--quantized', '--runs', '1');
      assert.deepEqual([same, activations.length], ['stored', 21]);
    });
  });

  it('compare by a plan, and of an ONNX graph', async () => {
    assert.equal((await json('compare', mlp, '--plan', '--runs', '1')).modules[0].path, '');
    const graph = await json('compare', fixturePath('torch-2.13', 'mlp.onnx'), '--runs', '1');
    assert.ok(graph.accuracy.sqnrDb > 20);
  });

  it('compare --json', async () => {
    const result = await json('compare', recipeLstm, '--runs', '2');
    assert.deepEqual(sortedKeys(result), ['accuracy', 'latencyUs', 'modules', 'size']);
    assert.deepEqual(sortedKeys(result.size), ['floatBytes', 'quantizedBytes', 'ratio']);
    assert.deepEqual(sortedKeys(result.latencyUs), ['float', 'quantized', 'ratio']);
    const { meanAbsFloat, meanAbsQuantized, meanAbsDiff, percent } = result.accuracy;
    assert.deepEqual(
      [meanAbsFloat.toFixed(5), meanAbsQuantized.toFixed(5), meanAbsDiff.toFixed(5), percent.toFixed(2)],
      ['0.12887', '0.12912', '0.00156', '1.21'],
    );
    for (const field of ['maxAbsDiff', 'sqnrDb', 'cosine']) assert.equal(typeof result.accuracy[field], 'number');
    assert.deepEqual([result.modules[0].path, result.modules[0].type], ['lstm', 'LSTM']);
  });
});
