import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { QuantscopeError } from '../../src/core/errors';
import type { Value } from '../../src/engine/forward/values/values';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { openModel } from '../../src/model/openModel';
import { loadSourceProgram, type SourceChoice, sourceSwaps } from '../../src/model/sourceModel';
import { fixturePath } from '../support/fixtures';
import { openFixtureModel, spec } from '../support/models';
import { type NpyArray, readNpzFixture } from '../support/npz';
import { largestDifference, run, tensorValue, tuple } from '../support/programs';

const options = { kernels: selectKernels(), abort: neverAborted };
const text = (name: string) => readFile(fixturePath('forward', name), 'utf8');

async function stateDict(name: string) {
  return openModel(
    bytesSource(new Uint8Array(await readFile(fixturePath('forward', `${name}.pt`))), `${name}.pt`),
    neverAborted,
  );
}

function inputsOf(arrays: ReadonlyMap<string, NpyArray>): Value[] {
  const inputs: Value[] = [];
  for (let i = 0; ; i++) {
    const array = arrays.get(`input.${i}`);
    if (array === undefined) return inputs;
    inputs.push(tensorValue(array));
  }
}

/** Case, class, and what of `__init__` the shapes must tell. */
const cases: readonly (readonly [string, string, Readonly<Record<string, number>>])[] = [
  ['word_lm', 'WordLM', { ntoken: 40, ninp: 12, nhid: 16, nlayers: 2 }],
  ['gru_tagger', 'GRUTagger', { vocab: 30, emb: 8, hid: 10, tags: 5 }],
  ['seq2seq', 'Seq2Seq', {}],
  ['seq2seq_forced', 'Seq2Seq', {}],
  ['gpt', 'GPT', {}],
  ['transformer', 'TutorialTransformer', {}],
  ['many_ways', 'ManyWays', {}],
];

describe('classes of a Python file run with their state dict, with PyTorch’s numbers', () => {
  for (const [name, className, solved] of cases) {
    it(`${name}: float within 1e-5, int8 within 1e-4`, async () => {
      const arrays = await readNpzFixture('forward', name);
      const choice = { name: 'models.py', text: await text('models.py'), className };
      const source = await loadSourceProgram(await stateDict(name), choice, options, neverAborted);
      assert.deepEqual({ ...source.solved }, solved);
      const { outputs } = run(source.program, inputsOf(arrays));
      assert.ok(!arrays.has(`float.${outputs.length}`), 'every output is compared');
      assert.ok(largestDifference(outputs, arrays, 'float') <= 1e-5);
      if (!arrays.has('fbgemm.0')) return;
      const swaps = sourceSwaps(source.program, spec());
      assert.ok(largestDifference(run(source.program, inputsOf(arrays), { swaps }).outputs, arrays, 'fbgemm') <= 1e-4);
    });
  }
});

const meanAbs = (values: ArrayLike<number>) =>
  Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0) / values.length;

describe('the recipe’s own class gives the recipe’s numbers', () => {
  const notebook = (source: string) =>
    JSON.stringify({
      cells: [
        { cell_type: 'markdown', source: ['# Recipe'] },
        { cell_type: 'code', source: '%matplotlib inline\n!pip install torch\nimport torch\nimport torch.nn as nn\n' },
        { cell_type: 'code', source: 'this is not Python (' },
        { cell_type: 'code', source: source.split('\n').map((line) => `${line}\n`) },
      ],
    });
  for (const kind of ['file', 'notebook'] as const) {
    it(`from a ${kind}: 0.12887, 0.12912, 0.00156, 1.21 %`, async () => {
      const source = await text('recipe.py');
      const choice: SourceChoice =
        kind === 'file' ? { name: 'recipe.py', text: source } : { name: 'recipe.ipynb', text: notebook(source) };
      const model = await openFixtureModel('2.13', 'recipe_lstm.pt');
      const { program, solved, problems } = await loadSourceProgram(model, choice, options, neverAborted);
      assert.deepEqual({ ...solved }, { in_dim: 8, out_dim: 8, depth: 1 });
      assert.equal(problems.length, kind === 'file' ? 0 : 1);
      const [x, h, c] = inputsOf(await readNpzFixture('torch-2.13', 'recipe_lstm'));
      const float = run(program, [x, tuple(h, c)]).outputs[0].storage.data;
      const int8 = run(program, [x, tuple(h, c)], { swaps: sourceSwaps(program, spec()) }).outputs[0].storage.data;
      const difference = meanAbs(Float64Array.from(float, (value, i) => value - int8[i]));
      const [a, b] = [meanAbs(float), meanAbs(int8)];
      assert.deepEqual([a.toFixed(5), b.toFixed(5), difference.toFixed(5)], ['0.12887', '0.12912', '0.00156']);
      assert.equal(((difference / a) * 100).toFixed(2), '1.21');
    });
  }
});

describe('a state dict that does not fit is refused in PyTorch’s words', () => {
  const load = async (source: string) => {
    const choice = { name: 'm.py', text: `import torch.nn as nn\n${source}` };
    try {
      await loadSourceProgram(await openFixtureModel('2.13', 'mlp.pt'), choice, options, neverAborted);
    } catch (error) {
      assert.ok(error instanceof QuantscopeError);
      return error;
    }
    assert.fail('it was loaded');
  };

  it('names that are missing and unexpected', async () => {
    const error = await load(
      'class M(nn.Module):\n  def __init__(self):\n    super().__init__()\n    self.a = nn.Linear(2, 2)\n',
    );
    assert.equal(error.code, 'E_STATE_DICT');
    assert.match(
      error.message,
      /Missing key\(s\) in state_dict: "a\.weight", "a\.bias"\. Unexpected key\(s\) in state_dict: "0\.weight"/,
    );
  });

  it('sizes', async () => {
    const error = await load(
      'class M(nn.Sequential):\n  def __init__(self):\n    super().__init__(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))\n',
    );
    assert.match(
      error.message,
      /size mismatch for 0\.weight: copying a param with shape torch\.Size\(\[\d+, \d+\]\) from checkpoint, the shape in current model is torch\.Size\(\[2, 3\]\)\./,
    );
  });

  it('a file with several classes asks which one', async () => {
    const error = await load('class A(nn.Module):\n  pass\nclass B(nn.Module):\n  pass\n');
    assert.equal(error.code, 'E_NO_CLASS');
    assert.match(error.details.hint ?? '', /m\.py:B/);
  });
});
