import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { sparkline, tensorDetail, tensorStats } from '../../../src/model/tensorDetail';
import { expectedOf } from '../../support/fixtures';
import { fixtureVersions, openFixtureModel } from '../../support/models';
import { modelOf } from '../../support/tensorEntries';

function assertNear(actual: number, expected: number, scale: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-6 * scale, `${what}: ${actual}, expected ${expected}`);
}

describe('statistics are PyTorch’s', () => {
  const files: readonly [file: string, name: string, key: 'tensors' | 'tensors_checkpoint', prefix: string][] = [
    ['recipe_lstm.pt', 'recipe_lstm', 'tensors', ''],
    ['mlp.pt', 'mlp', 'tensors', ''],
    ['word_lm.pt', 'word_lm', 'tensors', ''],
    ['gru_tagger.pt', 'gru_tagger', 'tensors', ''],
  ];
  for (const version of fixtureVersions) {
    for (const [file, name] of files) {
      it(`torch ${version}, ${file}`, async () => {
        const { tensors } = expectedOf(version, name);
        const stats = await tensorStats(await openFixtureModel(version, file), null, 16, neverAborted, noProgress);
        assert.deepEqual(
          stats.map((one) => one.name),
          Object.keys(tensors),
        );
        for (const one of stats) {
          const expected = tensors[one.name];
          assert.deepEqual(
            [one.shape, one.dtype, one.min, one.max, one.zeros, one.nan, one.inf],
            [expected.shape, expected.dtype, expected.min, expected.max, expected.zeros, 0, 0],
          );
          const largest = Math.max(Math.abs(one.min), Math.abs(one.max));
          // A mean near zero is a difference of large sums: relative to the values, not to itself.
          assertNear(one.mean, expected.mean, largest, `${one.name} mean`);
          assertNear(one.std, expected.std, expected.std || 1, `${one.name} std`);
        }
      });
    }
  }

  it('torch 2.13, word_lm.ckpt: the model inside a checkpoint', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.ckpt');
    for (const [name, expected] of Object.entries(expectedOf('2.13', 'word_lm').tensors_checkpoint ?? {})) {
      const full = [...model.tensors.keys()].find((key) => key.endsWith(`.${name}`)) ?? assert.fail(`no ${name}`);
      const [stats] = await tensorStats(model, full, 4, neverAborted, noProgress);
      assert.deepEqual([stats.min, stats.max, stats.zeros], [expected.min, expected.max, expected.zeros]);
    }
  });

  it('every value of a finite tensor is in the histogram', async () => {
    for (const { count, histogram } of await tensorStats(
      await openFixtureModel('2.13', 'mlp.pt'),
      null,
      7,
      neverAborted,
      noProgress,
    )) {
      assert.deepEqual([histogram.edges.length, histogram.counts.length], [8, 7]);
      assert.equal(
        histogram.counts.reduce((a, b) => a + b),
        count,
      );
    }
  });
});

describe('tensorDetail', () => {
  const query = (name: string, scheme: 'per_tensor' | 'per_channel' = 'per_tensor') => ({ name, scheme, bins: 8 });

  it('a weight: scale, codes, errors on the axis of the codes', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const { quantization, stays, module, moduleType } = await tensorDetail(model, query('0.weight'), neverAborted);
    const truth = expectedOf('2.13', 'mlp').quantized.fbgemm.weights['0.weight'];
    assert.deepEqual([module, moduleType, stays], ['0', 'Linear', '']);
    assert.ok(quantization !== null);
    assert.deepEqual(quantization.scales, [truth.scale]);
    assert.equal(quantization.perTensorScale, truth.scale);
    assert.deepEqual([quantization.codes.length, quantization.floatEighths.length], [256, 2048]);
    const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b);
    assert.deepEqual([total(quantization.codes), total(quantization.floatEighths)], [2048, 2048]);
    assert.equal(quantization.atLimits, quantization.codes[0] + quantization.codes[255]);
    assert.ok(quantization.maxAbsError <= (truth.scale ?? 0) * 0.50002);
    assert.deepEqual(quantization.gates, []);
  });

  it('per channel: one scale a row, next to the scale that per tensor would choose', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const { quantization } = await tensorDetail(model, query('2.weight', 'per_channel'), neverAborted);
    assert.equal(quantization?.scales.length, 10);
    assert.equal(quantization?.axis, 0);
    assert.equal(quantization?.perTensorScale, Math.max(...(quantization?.scales ?? [])));
  });

  const gates: readonly [file: string, name: string, gates: readonly string[]][] = [
    ['recipe_lstm.pt', 'lstm.weight_hh_l0', ['i', 'f', 'g', 'o']],
    ['gru_tagger.pt', 'gru.weight_ih_l1_reverse', ['r', 'z', 'n']],
  ];
  for (const [file, name, expected] of gates) {
    it(`${name} has the gates ${expected.join(' ')}`, async () => {
      const { quantization } = await tensorDetail(await openFixtureModel('2.13', file), query(name), neverAborted);
      assert.deepEqual(quantization?.gates, expected);
    });
  }

  const floats: readonly [file: string, name: string, stays: string][] = [
    ['mlp.pt', '0.bias', 'biases stay float32'],
    ['word_lm.pt', 'encoder.weight', 'Embedding: not in the spec'],
    ['gru_tagger.pt', 'norm.weight', 'LayerNorm: not in the spec'],
  ];
  for (const [file, name, expected] of floats) {
    it(`${name} stays float: ${expected}`, async () => {
      const { quantization, stays } = await tensorDetail(
        await openFixtureModel('2.13', file),
        query(name),
        neverAborted,
      );
      assert.deepEqual([quantization, stays], [null, expected]);
    });
  }

  it('NaN and infinity are counted, left out of the rest, and keep a weight float', async () => {
    const model = await modelOf({
      'fc.weight': { shape: [2, 3], values: [1, Number.NaN, 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0] },
      'fc.bias': { shape: [2], values: [1, 2] },
    });
    const detail = await tensorDetail(model, query('fc.weight'), neverAborted);
    assert.deepEqual([detail.count, detail.nan, detail.inf, detail.min, detail.max, detail.zeros], [6, 1, 2, 0, 3, 1]);
    assert.ok(Math.abs(detail.mean - 4 / 3) < 1e-12);
    assert.deepEqual([detail.quantization, detail.stays], [null, 'it contains NaN or infinity']);
  });

  const odd: readonly [what: string, shape: readonly number[], values: readonly number[]][] = [
    ['no values', [0, 3], []],
    ['only NaN', [1, 2], [Number.NaN, Number.NaN]],
  ];
  for (const [what, shape, values] of odd) {
    it(`${what}: min, max, mean are NaN and the histogram is empty`, async () => {
      const model = await modelOf({ x: { shape, values } });
      const [stats] = await tensorStats(model, 'x', 4, neverAborted, noProgress);
      assert.deepEqual([stats.min, stats.max, stats.mean, stats.std, stats.p01], Array(5).fill(Number.NaN));
      assert.deepEqual(stats.histogram.counts, [0, 0, 0, 0]);
    });
  }

  it('a single value: no deviation, one full bin', async () => {
    const [stats] = await tensorStats(
      await modelOf({ x: { shape: [], values: [5] } }),
      'x',
      4,
      neverAborted,
      noProgress,
    );
    assert.deepEqual([stats.min, stats.max, stats.mean, stats.std, stats.p01, stats.p99], [5, 5, 5, 0, 5, 5]);
    assert.equal(
      stats.histogram.counts.reduce((a, b) => a + b),
      1,
    );
  });

  it('a sparkline is the histogram in small', async () => {
    const line = await sparkline(await modelOf({ x: { shape: [4], values: [0, 0, 1, 4] } }), 'x', 4, neverAborted);
    assert.deepEqual([line.name, line.min, line.max, line.counts], ['x', 0, 4, [2, 1, 0, 1]]);
  });

  it('a tensor that is not there is an error that names it', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    await assert.rejects(tensorDetail(model, query('nope'), neverAborted), { code: 'E_NO_TENSOR' });
  });
});

describe('a tensor in two steps', () => {
  const query = { name: 'lstm.weight_ih_l0', scheme: 'per_tensor', bins: 16 } as const;

  it('gives its values without what int8 does, and the same values with it', async () => {
    const model = await openFixtureModel('1.13', 'recipe_lstm.pt');
    const values = await tensorDetail(model, { ...query, only: 'values' }, neverAborted);
    const whole = await tensorDetail(model, query, neverAborted);
    assert.equal(values.quantization, null);
    assert.equal(values.stays, '');
    assert.ok(whole.quantization !== null);
    assert.deepEqual({ ...whole, quantization: null }, values);
  });

  it('counts every value for the code that it is rounded to', async () => {
    const model = await openFixtureModel('1.13', 'recipe_lstm.pt');
    for (const scheme of ['per_tensor', 'per_channel'] as const) {
      const { quantization, count } = await tensorDetail(model, { ...query, scheme }, neverAborted);
      const { codes = [], floatEighths = [] } = quantization ?? {};
      const sums = codes.map((_, code) => floatEighths.slice(8 * code, 8 * code + 8).reduce((a, b) => a + b));
      assert.deepEqual(sums, codes);
      assert.equal(
        codes.reduce((a, b) => a + b),
        count,
      );
    }
  });
});
