import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { compareModels } from '../../../src/model/compareModels';
import { modelHealth } from '../../../src/model/modelHealth';
import { modelOverview } from '../../../src/model/overview';
import { pythonLines } from '../../../src/model/pythonLines';
import { planQuantization } from '../../../src/model/quantizePlan';
import { tensorImage, tensorValues } from '../../../src/model/tensorValues';
import { TreeRows } from '../../../src/model/treeRows';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { fixtureVersions, openFixtureModel, quantized, spec } from '../../support/models';
import { modelOf } from '../../support/tensorEntries';

const compare = (a: Parameters<typeof compareModels>[0], b: Parameters<typeof compareModels>[0]) =>
  compareModels(a, b, neverAborted, noProgress);

describe('overview', () => {
  for (const version of fixtureVersions) {
    for (const file of ['recipe_lstm.pt', 'word_lm.pt', 'gru_tagger.pt', 'mlp.pt']) {
      for (const perChannel of [false, true]) {
        it(`predicts the size that Quantize then finds: torch ${version}, ${file}, ${perChannel ? 'per channel' : 'per tensor'}`, async () => {
          const model = await openFixtureModel(version, file);
          const { bytes } = await quantized(model, { perChannel });
          const { predictedBytes, quantized: counts } = modelOverview(model, spec({ perChannel }));
          assert.ok(counts.count > 0);
          assert.equal(predictedBytes, bytes.after);
        });
      }
    }
  }

  const chosen: Record<string, Partial<QuantizeSpecDto>> = {
    'float16 as PyTorch writes it': { dtype: 'float16' },
    'float16 in half precision': { dtype: 'float16', halfStorage: true },
    'embeddings of 8 bits': { dtype: 'quint8' },
    'an embedding beside the products': { overrides: [{ target: 'Embedding', qconfig: 'float_qparams' }] },
    'one module of 4 bits': { overrides: [{ target: 'encoder', qconfig: 'float_qparams_4bit' }] },
    'one module per channel': { overrides: [{ target: 'decoder', qconfig: 'per_channel_dynamic' }] },
  };
  for (const [name, change] of Object.entries(chosen)) {
    it(`predicts the size, and the rows of the tree add up to it: ${name}`, async () => {
      const model = await openFixtureModel('2.13', 'word_lm.pt');
      const wanted = spec(change);
      const report = await quantized(model, change);
      assert.equal(modelOverview(model, wanted).predictedBytes, report.bytes.after);
      const plan = planQuantization(model.root, wanted);
      const context = { plan, sqnrDb: new Map(), moduleSqnrDb: new Map(), opaque: [] };
      const rows = new TreeRows(model.root, { filter: '', toggled: [], base: 'all' }, context).page(0, 100);
      const [root] = rows;
      const tensors = rows.filter(({ kind }) => kind === 'tensor');
      assert.equal(
        tensors.reduce((sum, { bytes, after }) => sum + (after?.bytes ?? bytes), 0),
        root.after?.bytes ?? root.bytes,
      );
    });
  }

  it('names the types that a choice can be made for', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    assert.deepEqual(modelOverview(model, spec({})).types, [
      { type: 'Embedding', takes: 'table', count: 1 },
      { type: 'LSTM', takes: 'product', count: 1 },
      { type: 'Linear', takes: 'product', count: 1 },
    ]);
  });

  it('gives every byte of the model to a tile', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    const { tiles, pooled } = modelOverview(model, spec());
    assert.equal(
      tiles.reduce((sum, { bytes }) => sum + bytes, pooled.bytes),
      model.root.bytes,
    );
    assert.deepEqual(
      tiles
        .filter(({ quantized: becomes }) => becomes)
        .map(({ label }) => label)
        .sort(),
      ['decoder', 'rnn.weight_hh_l0', 'rnn.weight_hh_l1', 'rnn.weight_ih_l0', 'rnn.weight_ih_l1'],
    );
  });
});

describe('health', () => {
  it('counts NaN, infinity, dead and constant rows, and names the tensor', async () => {
    const model = await modelOf({
      'fc.weight': { shape: [4, 2], values: [0, 0, 3, 3, Number.NaN, 1, Number.POSITIVE_INFINITY, 2] },
      'fc.bias': { shape: [4], values: [0, 0, 0, -9] },
    });
    const health = await modelHealth(model, neverAborted, noProgress);
    assert.deepEqual(
      [health.values, health.nan, health.inf, health.rows, health.zeroRows, health.constantRows],
      [12, 1, 1, 4, 1, 1],
    );
    assert.deepEqual(
      health.findings.map(({ name }) => name),
      ['fc.weight'],
    );
    assert.equal(health.largest?.name, 'fc.bias');
    assert.equal(health.largest?.value, 9);
  });

  it('finds nothing in a sound model', async () => {
    const { nan, inf, zeroRows, constantRows, findings } = await modelHealth(
      await openFixtureModel('2.13', 'word_lm.pt'),
      neverAborted,
      noProgress,
    );
    assert.deepEqual([nan, inf, zeroRows, constantRows, findings.length], [0, 0, 0, 0, 0]);
  });
});

describe('values and pictures of a tensor', () => {
  const values = Array.from({ length: 300 * 3 }, (_, i) => (i === 301 ? -50 : i / 900));
  const matrix = () =>
    modelOf({ 'fc.weight': { shape: [300, 3], values }, 'fc.bias': { shape: [300], values: values.slice(0, 300) } });

  it('a page ends where the matrix ends, and codes times scale are near the values', async () => {
    const page = await tensorValues(
      await matrix(),
      { name: 'fc.weight', scheme: 'per_tensor', row: 298, column: 1, rows: 16, columns: 8 },
      neverAborted,
    );
    assert.deepEqual([page.totalRows, page.totalColumns, page.rows, page.columns], [300, 3, 2, 2]);
    assert.deepEqual(
      page.float,
      [895, 896, 898, 899].map((i) => Math.fround(i / 900)),
    );
    for (const [i, code] of (page.codes ?? []).entries())
      assert.ok(Math.abs(code * (page.scales?.[0] ?? 0) - page.float[i]) <= (page.scales?.[0] ?? 0) / 2 + 1e-6);
  });

  it('a bias has no codes', async () => {
    const query = { name: 'fc.bias', scheme: 'per_tensor', row: 0, column: 0, rows: 1, columns: 4 } as const;
    assert.equal((await tensorValues(await matrix(), query, neverAborted)).codes, null);
  });

  it('refuses a page of a million values', async () => {
    const query = { name: 'fc.weight', scheme: 'per_tensor', row: 0, column: 0, rows: 1000, columns: 1000 } as const;
    await assert.rejects(tensorValues(await matrix(), query, neverAborted), { code: 'E_PAGE_LIMIT' });
  });

  it('a pooled picture keeps the outlier', async () => {
    const query = { name: 'fc.weight', scheme: 'per_tensor', layer: 'float' } as const;
    const image = await tensorImage(await matrix(), query, neverAborted);
    assert.deepEqual([image.height, image.width, image.largest], [256, 3, 50]);
    assert.ok(image.cells.includes(-50));
  });

  it('no error is larger than half a step', async () => {
    const query = { name: 'fc.weight', scheme: 'per_channel', layer: 'error' } as const;
    const image = await tensorImage(await matrix(), query, neverAborted);
    assert.ok(image.largest > 0 && image.largest <= 50 / 127.5 / 2 + 1e-6);
  });
});

describe('two files', () => {
  it('are equal when they are the same', async () => {
    const { counts, tensors } = await compare(
      await openFixtureModel('2.13', 'recipe_lstm.pt'),
      await openFixtureModel('2.13', 'recipe_lstm.pt'),
    );
    assert.deepEqual(counts, { added: 0, removed: 0, changed: 0, equal: 4, reshaped: 0, unread: 0 });
    assert.deepEqual(tensors, []);
  });

  it('say what was added, removed, reshaped and changed, and by how much', async () => {
    const a = await modelOf({
      same: { shape: [2], values: [1, 2] },
      gone: { shape: [1], values: [1] },
      wider: { shape: [2], values: [1, 2] },
      other: { shape: [2], values: [3, 4] },
    });
    const b = await modelOf({
      same: { shape: [2], values: [1, 2] },
      wider: { shape: [3], values: [1, 2, 3] },
      other: { shape: [2], values: [3, 4.5] },
      fresh: { shape: [1], values: [1] },
    });
    const { counts, tensors } = await compare(a, b);
    assert.deepEqual(counts, { added: 1, removed: 1, changed: 1, equal: 1, reshaped: 1, unread: 0 });
    assert.deepEqual(
      tensors.map(({ name, change }) => [name, change]),
      [
        ['gone', 'removed'],
        ['fresh', 'added'],
        ['wider', 'reshaped'],
        ['other', 'changed'],
      ],
    );
    assert.equal(tensors.at(-1)?.error?.maxAbsError, 0.5);
  });

  it('meet by the names of the model inside a checkpoint', async () => {
    const { counts } = await compare(
      await openFixtureModel('2.13', 'word_lm.pt'),
      await openFixtureModel('2.13', 'word_lm.ckpt'),
    );
    assert.deepEqual([counts.added, counts.removed, counts.reshaped], [0, 0, 0]);
  });
});

describe('the lines that do the same in PyTorch', () => {
  const cases: readonly [string, Parameters<typeof spec>[0], string][] = [
    ['name the types where the whole model follows them', {}, '{torch.nn.LSTM, torch.nn.Linear}'],
    ['name the paths where some stay float', { exclude: ['decoder'] }, '{"rnn": default_dynamic_qconfig}'],
    [
      'name the qconfig for per channel',
      { perChannel: true },
      '{torch.nn.LSTM: per_channel_dynamic_qconfig, torch.nn.Linear: per_channel_dynamic_qconfig}',
    ],
  ];
  for (const [what, change, expected] of cases) {
    it(what, async () => {
      const text = pythonLines(await openFixtureModel('2.13', 'word_lm.pt'), spec(change));
      assert.ok(text.includes(`model, ${expected}, dtype=torch.qint8)`), text);
    });
  }
});
