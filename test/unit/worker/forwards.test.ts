import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../../src/core/abort';
import type { ForwardRequestDto, SavedArraysDto, WholeModelDto } from '../../../src/protocol/forwardDto';
import { openFileSource } from '../../../src/worker/fileSource';
import { Forwards } from '../../../src/worker/forwards';
import { fixturePath, openBytes } from '../../support/fixtures';
import { openFixtureModel, spec } from '../../support/models';
import { type NpyArray, readNpz } from '../../support/npz';
import { closeForwards, openForwards } from '../../support/openForwards';

const noProgress = () => {};

const source = (file: string, className: string | null = null) => ({
  path: fixturePath('forward', file),
  className,
  init: {},
});

/** A request with the proposed inputs. */
function proposed({ inputs }: WholeModelDto, changes: Partial<ForwardRequestDto> = {}): ForwardRequestDto {
  return {
    module: '',
    seed: 29592,
    shapes: inputs.map(({ shape }) => shape),
    engine: 'fbgemm',
    perChannel: false,
    runs: 1,
    warmup: 0,
    ...changes,
  };
}

const recipe = fixturePath('torch-2.13', 'recipe_lstm.pt');

/** Name, file, class, and the inputs that are proposed: name, shape, and below what indices are drawn. */
const proposals: readonly (readonly [
  string,
  string,
  ReturnType<typeof source> | null,
  readonly (readonly [string, readonly number[], number?])[],
])[] = [
  [
    'a trace: what it was traced with',
    fixturePath('torch-2.13', 'recipe_lstm.trace.pt'),
    null,
    [
      ['inputs', [20, 1, 8]],
      ['hidden.0', [1, 1, 8]],
      ['hidden.1', [1, 1, 8]],
    ],
  ],
  [
    'a script: what its modules take',
    fixturePath('torch-2.13', 'recipe_lstm.script.pt'),
    null,
    [
      ['inputs', [20, 1, 8]],
      ['h0', [1, 1, 8]],
      ['c0', [1, 1, 8]],
    ],
  ],
  [
    'a class with a required state: that of its LSTM',
    recipe,
    source('recipe.py'),
    [
      ['inputs', [20, 1, 8]],
      ['h0', [1, 1, 8]],
      ['c0', [1, 1, 8]],
    ],
  ],
  [
    'a class with an embedding: indices below its rows',
    fixturePath('forward', 'word_lm.pt'),
    source('models.py', 'WordLM'),
    [['input', [20, 1], 40]],
  ],
  [
    'an argument with a default is left out',
    fixturePath('forward', 'seq2seq.pt'),
    source('models.py', 'Seq2Seq'),
    [['source', [20, 1], 17]],
  ],
];

describe('inputs of a whole model are proposed from its code and its shapes', () => {
  afterEach(closeForwards);

  for (const [name, file, chosen, expected] of proposals) {
    it(name, async () => {
      const { inputs } = await (await openForwards(file)).describe(chosen === null ? {} : { source: chosen });
      assert.deepEqual(
        inputs.map(({ name: own, shape, high }) => (high === undefined ? [own, [...shape]] : [own, [...shape], high])),
        expected,
      );
    });
  }
});

describe('a forward pass quantizes what was chosen, and no more', () => {
  afterEach(closeForwards);

  const wordLm = fixturePath('forward', 'word_lm.pt');
  const chosen = source('models.py', 'WordLM');

  const run = async (changes: Partial<ForwardRequestDto>) => {
    const forwards = await openForwards(wordLm);
    return forwards.forward(proposed(await forwards.describe({ source: chosen }), { ...changes }), noProgress);
  };

  it('a layer that is left in float32 takes no scale in the whole model', async () => {
    const all = await run({ source: chosen });
    const some = await run({ source: chosen, spec: spec({ exclude: ['decoder'] }) });
    const modules = (result: typeof all) => [...new Set(result.products.map(({ module }) => module))];
    assert.deepEqual(modules(all), ['rnn', 'decoder']);
    assert.deepEqual(modules(some), ['rnn']);
    assert.notEqual(all.accuracy.sqnrDb, some.accuracy.sqnrDb);
  });

  it('in half precision nothing takes a scale, and the error is small', async () => {
    for (const changes of [{ source: chosen }, { module: 'decoder', shapes: [[20, 16]] }]) {
      const half = await run({ ...changes, spec: spec({ dtype: 'float16' }) });
      assert.deepEqual(
        half.products.flatMap(({ scale }) => [...scale]),
        [],
      );
      assert.ok(half.accuracy.sqnrDb > 60, `${half.accuracy.sqnrDb} dB`);
      assert.ok(half.accuracy.maxAbsDiff > 0);
    }
  });

  it('a single module that the choice leaves in float32 is compared with its own int8', async () => {
    const { products } = await run({ module: 'decoder', shapes: [[20, 16]], spec: spec({ exclude: ['decoder'] }) });
    assert.deepEqual(
      products.map(({ module }) => module),
      ['decoder'],
    );
  });
});

it('the outputs of the pass that just ran are there without reading the file again', async () => {
  const opened = await openFixtureModel('2.13', 'recipe_lstm.pt');
  let reads = 0;
  const readTensor: typeof opened.file.readTensor = (...args) => {
    reads++;
    return opened.file.readTensor(...args);
  };
  const model = { ...opened, file: { ...opened.file, readTensor } };
  const forwards = new Forwards(model, recipe, openFileSource, neverAborted);
  const request = { ...proposed(await forwards.describe({ source: source('recipe.py') })), module: 'lstm' };
  const { series } = await forwards.forward(request, noProgress);
  const before = reads;
  assert.ok(before > 0);
  assert.deepEqual(await forwards.outputSeries(request, 0), series);
  assert.equal(reads, before);
});

describe('a whole model answers what a single module answers', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forwards-'));
  });
  afterEach(closeForwards);
  after(() => rm(folder, { recursive: true }));

  const wholes = [
    ['script', fixturePath('torch-2.13', 'recipe_lstm.script.pt'), undefined],
    ['source', recipe, source('recipe.py')],
  ] as const;
  for (const [name, file, chosen] of wholes) {
    it(`${name}: PyTorch's numbers, every scale, the values behind one of them, and one number explained`, async () => {
      const forwards = await openForwards(file);
      const request = proposed(await forwards.describe(chosen === undefined ? {} : { source: chosen }), {
        source: chosen,
      });
      const result = await forwards.forward(request, noProgress);
      const { meanAbsFloat, meanAbsQuantized, meanAbsDiff, percent } = result.accuracy;
      assert.deepEqual(
        [meanAbsFloat, meanAbsQuantized, meanAbsDiff].map((value) => value.toFixed(5)),
        ['0.12887', '0.12912', '0.00156'],
      );
      assert.equal(percent.toFixed(2), '1.21');
      assert.deepEqual(
        result.products.map(({ module, weight, scale }) => [module, weight, scale.length]),
        [
          ['lstm', 'weight_ih_l0', 1],
          ['lstm', 'weight_hh_l0', 20],
        ],
      );
      const hidden = result.products[1];
      const at = { request, module: 'lstm', weight: 'weight_hh_l0', call: hidden.call[7], step: hidden.step[7] };
      const activation = await forwards.activation(at);
      assert.equal(activation.scale, hidden.scale[7]);
      assert.equal(
        activation.codes.reduce((sum, count) => sum + count, 0),
        8,
      );
      const explained = await forwards.explain({ ...at, row: 0, channel: 3 });
      const sum = explained.terms.reduce((total, { product }) => total + product, 0);
      assert.equal(sum, explained.accumulator);
      assert.ok(Math.abs(explained.output - explained.floatOutput) < 0.05);
      assert.ok(explained.terms.some(({ floatWeight }) => floatWeight !== 0));
    });

    it(`${name}: the values of several steps are pooled, with the scales that each of them had`, async () => {
      const forwards = await openForwards(file);
      const request = proposed(await forwards.describe(chosen === undefined ? {} : { source: chosen }), {
        source: chosen,
      });
      const hidden = (await forwards.forward(request, noProgress)).products[1];
      const place = (i: number) => ({ call: hidden.call[i], step: hidden.step[i] });
      const query = { request, module: 'lstm', weight: 'weight_hh_l0', ...place(3) };
      const { pooled, ...found } = await forwards.activation({ ...query, last: place(12) });
      assert.equal(found.count, 80);
      assert.equal(found.min, Math.min(...hidden.min.slice(3, 13)));
      assert.equal(found.max, Math.max(...hidden.max.slice(3, 13)));
      assert.equal(
        found.codes.reduce((sum, count) => sum + count, 0),
        80,
      );
      assert.equal(pooled?.steps, 10);
      assert.equal(pooled?.lowestScale, Math.min(...hidden.scale.slice(3, 13)));
      assert.equal(pooled?.highestScale, Math.max(...hidden.scale.slice(3, 13)));
      // A grid for each step is never coarser than one for all of them.
      assert.ok(found.scale >= Math.max(...hidden.scale.slice(3, 13)));
      assert.ok(pooled !== undefined && pooled.sqnrDb <= found.sqnrDb, `${pooled?.sqnrDb} and ${found.sqnrDb}`);
      assert.equal((await forwards.activation(query)).pooled, undefined);
    });

    it(`${name}: each layer's error at the output of the whole model`, async () => {
      const forwards = await openForwards(file);
      const found = await forwards.sensitivity(
        {
          spec: spec(),
          module: '',
          seed: 29592,
          shapes: null,
          targetDb: null,
          maxBytes: null,
          ...(chosen && { source: chosen }),
        },
        noProgress,
      );
      assert.equal(found.scope, 'model');
      assert.deepEqual(
        found.layers.map(({ path }) => path),
        ['lstm'],
      );
      assert.ok(found.layers[0].sqnrDb > 20 && found.layers[0].sqnrDb < 60);
    });

    it(`${name}: outputs and activations as files that are read back, and as pictures`, async () => {
      const forwards = await openForwards(file);
      const request = proposed(await forwards.describe(chosen === undefined ? {} : { source: chosen }), {
        source: chosen,
      });
      const target = join(folder, `${name}.npz`);
      await forwards.save({ request, what: { kind: 'outputs', which: 'both' }, target });
      const arrays = await readNpz(target);
      const golden = await readNpz(fixturePath('torch-2.13', 'recipe_lstm.npz'));
      assert.deepEqual([...arrays.keys()].sort(), [
        ...['float.output.0', 'float.output.1', 'float.output.2'],
        ...['int8.output.0', 'int8.output.1', 'int8.output.2'],
      ]);
      assert.deepEqual(arrays.get('float.output.0')?.shape, golden.get('float.0')?.shape);
      const image = await forwards.outputImage({ request, output: 0, layer: 'error' });
      assert.deepEqual([image.rows, image.columns], [20, 8]);
      const [a, b] = [arrays.get('float.output.0')?.data ?? [], arrays.get('int8.output.0')?.data ?? []];
      assert.equal(image.cells[9], Math.fround(Number(b[9]) - Number(a[9])));
      const activations = join(folder, `${name}-h.npz`);
      const what = { kind: 'activation', module: 'lstm', weight: 'weight_hh_l0' } as const;
      await forwards.save({ request, what, target: activations });
      const saved = await readNpz(activations);
      assert.deepEqual([...(saved.get('values')?.shape ?? [])], [20, 8]);
      assert.deepEqual([...(saved.get('scale')?.shape ?? [])], [20]);
    });
  }

  /** The recipe's model with another forward, on the same inputs. */
  const accuracyOf = async (name: string, forward: string) => {
    const path = join(folder, `${name}.py`);
    const text = `
import torch
from torch import nn
class Recipe(nn.Module):
    def __init__(self, in_dim, out_dim, depth):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, out_dim, depth)
        self.register_buffer('calls', torch.zeros(1), persistent=False)
    def forward(self, ${forward}
`;
    await writeFile(path, text);
    const forwards = await openForwards(recipe);
    const chosen = { path, className: null, init: {} };
    const request = proposed(await forwards.describe({ source: chosen }), { source: chosen });
    return (await forwards.forward(request, noProgress)).accuracy;
  };

  it('the states of an LSTM are one argument, whatever comes after it', async () => {
    const expected = await accuracyOf('state', 'x, hidden):\n        return self.lstm(x, hidden)');
    for (const [name, after] of [
      ['default', 'mask=None'],
      ['required', 'mask'],
    ]) {
      const forward = `x, hidden, ${after}):\n        return self.lstm(x, hidden)`;
      assert.deepEqual(await accuracyOf(name, forward), expected, name);
    }
  });

  it('float and int8 get the same inputs, also where forward writes to them', async () => {
    assert.deepEqual(
      await accuracyOf('in_place', 'x, hidden):\n        x.add_(1)\n        return self.lstm(x, hidden)'),
      await accuracyOf('new', 'x, hidden):\n        return self.lstm(x + 1, hidden)'),
    );
  });

  it('float and int8 start from the same buffers, also where forward assigns them', async () => {
    const counting = 'self.calls = self.calls + 1\n        return self.lstm(x + self.calls, hidden)';
    assert.deepEqual(
      await accuracyOf('counting', `x, hidden):\n        ${counting}`),
      await accuracyOf('first', 'x, hidden):\n        return self.lstm(x + 1, hidden)'),
    );
  });

  it('one output of several, and the values or codes of one step, are one array each', async () => {
    const forwards = await openForwards(wholes[1][1]);
    const request = proposed(await forwards.describe({ source: wholes[1][2] }), { source: wholes[1][2] });
    const saved = async (what: SavedArraysDto) => {
      const target = join(folder, 'one.npy');
      await forwards.save({ request, what, target });
      const { tensors, readTensor } = await openBytes(new Uint8Array(await readFile(target)), 'one.npy');
      const [{ tensor }] = tensors;
      return { dtype: tensor.dtype, shape: tensor.shape, bytes: await readTensor(tensor, neverAborted) };
    };
    const whole = join(folder, 'whole.npz');
    await forwards.save({ request, what: { kind: 'outputs', which: 'int8' }, target: whole });
    const state = (await readNpz(whole)).get('output.1') as NpyArray;
    const output = await saved({ kind: 'outputs', which: 'int8', output: 1 });
    assert.deepEqual(output.bytes, new Uint8Array((state.data as Float32Array).buffer));

    const at = { kind: 'step', module: 'lstm', weight: 'weight_hh_l0', call: 0, step: 7 } as const;
    const [values, codes] = [await saved({ ...at, which: 'values' }), await saved({ ...at, which: 'codes' })];
    assert.deepEqual([values.dtype, values.shape, codes.dtype, codes.shape], ['float32', [8], 'uint8', [8]]);
    const { scale, zeroPoint } = await forwards.activation({ request, ...at });
    const floats = new Float32Array(new Uint8Array(values.bytes).buffer);
    floats.forEach((value, i) => {
      assert.ok(Math.abs((codes.bytes[i] - zeroPoint) * scale - value) <= 0.51 * scale);
    });
    await assert.rejects(saved({ kind: 'outputs', which: 'both', output: 0 }), { code: 'E_EXPORT_ARRAYS' });
    await assert.rejects(saved({ ...at, step: 20, which: 'values' }), { code: 'E_NO_ACTIVATION' });
  });

  it('one array is written as .npy', async () => {
    const forwards = await openForwards(fixturePath('torch-2.13', 'mlp.trace.pt'));
    const request = proposed(await forwards.describe({}));
    const target = join(folder, 'mlp.npy');
    const { arrays, bytes } = await forwards.save({ request, what: { kind: 'outputs', which: 'float' }, target });
    assert.equal(arrays, 1);
    const written = await openBytes(new Uint8Array(await readFile(target)), 'mlp.npy');
    assert.equal(written.format, 'npy');
    assert.equal(written.bytes, bytes);
  });
});
