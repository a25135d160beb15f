import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { floatTensor } from '../../../src/engine/tensor/tensor';
import { breakEven } from '../../../src/model/breakEven';
import { coverage } from '../../../src/model/coverage';
import { explainOutput } from '../../../src/model/explainOutput';
import { forwardModule } from '../../../src/model/forwardModule';
import { weightErrorReport } from '../../../src/model/weightErrorReport';
import type { EngineName } from '../../../src/protocol/dto';
import type { ForwardRequestDto } from '../../../src/protocol/forwardDto';
import { type BuiltModule, builtModel } from '../../support/builtModel';
import { openFixtureModel, spec } from '../../support/models';

const lstm: ForwardRequestDto = {
  module: 'lstm',
  seed: 29592,
  shapes: [
    [20, 1, 8],
    [1, 1, 8],
    [1, 1, 8],
  ],
  engine: 'fbgemm',
  perChannel: false,
  runs: 1,
  warmup: 0,
};

describe('one output number, taken apart', () => {
  for (const engine of ['fbgemm', 'onednn', 'qnnpack'] as const satisfies readonly EngineName[]) {
    it(`adds up from its terms and is near the float product: ${engine}`, async () => {
      const model = await openFixtureModel('2.13', 'recipe_lstm.pt');
      const request = { ...lstm, engine };
      const query = { request, module: 'lstm', weight: 'weight_ih_l0', call: 0, step: 0, row: 7, channel: 20 };
      const element = await explainOutput(model, query, neverAborted);
      assert.equal(
        element.accumulator,
        element.terms.reduce((sum, { code, weight }) => sum + (code - element.zeroPoint) * weight, 0),
      );
      assert.deepEqual([element.rows, element.channels, element.k, element.terms.length], [20, 32, 8, 8]);
      const rescaled = element.accumulator * element.multiplier + (element.bias ?? 0);
      assert.ok(Math.abs(rescaled - element.output) < 1e-6);
      assert.ok(Math.abs(element.output - element.floatOutput) < 0.05);
      for (const { value, code } of element.terms) {
        assert.ok(Math.abs((code - element.zeroPoint) * element.scale - value) <= element.scale * 0.51);
      }
    });
  }

  it('says so where there is no such step', async () => {
    const model = await openFixtureModel('2.13', 'recipe_lstm.pt');
    const query = { request: lstm, module: 'lstm', weight: 'weight_hh_l0', call: 0, step: 20, row: 0, channel: 0 };
    await assert.rejects(explainOutput(model, query, neverAborted), /has no step 20/);
  });
});

describe('what a 16-bit accumulator would have done', () => {
  it('is reported at every step: nothing with the reduced range', async () => {
    const model = await openFixtureModel('2.13', 'recipe_lstm.pt');
    const { products } = (await forwardModule(model, lstm, neverAborted, noProgress)).result;
    assert.deepEqual(
      products.map(({ saturated16 }) => saturated16.length),
      [1, 20],
    );
    assert.ok(products.every(({ saturated16 }) => saturated16.every((share) => share === 0)));
  });
});

describe('the error of a weight of a file', () => {
  it('has both schemes and every channel', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    const report = await weightErrorReport(model, 'decoder.weight', 'per_tensor', neverAborted);
    assert.equal(report.channels.sqnrDb.length, report.shape[0]);
    assert.equal(report.other.scheme, 'per_channel');
    assert.ok(report.other.sqnrDb >= report.sqnrDb);
    assert.equal(report.outliers.length, 20);
  });

  it('refuses a bias by name', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    await assert.rejects(weightErrorReport(model, 'decoder.bias', 'per_tensor', neverAborted), /not a matrix/);
  });
});

const nan: BuiltModule = {
  className: '__main__.Net',
  children: {
    bad: {
      className: 'torch.nn.modules.linear.Linear',
      parameters: new Map([['weight', floatTensor(Float32Array.of(1, Number.NaN), [1, 2])]]),
    },
    inf: {
      className: 'torch.nn.modules.linear.Linear',
      parameters: new Map([['weight', floatTensor(Float32Array.of(1, Number.NEGATIVE_INFINITY), [1, 2])]]),
    },
    good: {
      className: 'torch.nn.modules.linear.Linear',
      parameters: new Map([['weight', floatTensor(Float32Array.of(1, 2), [1, 2])]]),
    },
    conv: {
      className: 'torch.nn.modules.conv.Conv1d',
      parameters: new Map([['weight', floatTensor(Float32Array.of(1, 2), [1, 1, 2])]]),
    },
    act: { className: 'torch.nn.modules.activation.ReLU' },
    own: { className: '__main__.Mine', parameters: new Map([['table', floatTensor(Float32Array.of(1), [1])]]) },
  },
};

describe('coverage', () => {
  const reasons: readonly [path: string, status: string, reason: RegExp][] = [
    ['', 'container', /^$/],
    ['bad', 'float', /bad.weight contains NaN/],
    ['inf', 'float', /inf.weight contains infinity/],
    ['good', 'float', /excluded/],
    ['conv', 'float', /not in the spec/],
    ['act', 'float', /no parameters/],
    ['own', 'float', /Mine is not a type that quantize_dynamic knows/],
  ];
  it('has every module with its reason', async () => {
    const { rows } = await coverage(builtModel(nan), spec({ exclude: ['good'] }), true, neverAborted, noProgress);
    assert.deepEqual(
      rows.map(({ path }) => path),
      reasons.map(([path]) => path),
    );
    for (const [i, [path, status, reason]] of reasons.entries()) {
      assert.equal(rows[i].status, status, path);
      assert.match(rows[i].reason, reason, path);
    }
  });

  it('counts the share of the parameters that become int8', async () => {
    const { share, quantized, float } = await coverage(builtModel(nan), spec(), true, neverAborted, noProgress);
    assert.deepEqual([quantized, float], [1, 5]);
    assert.equal(share, 2 / 9);
  });
});

describe('break-even', () => {
  it('measures this layer and layers of its type around it, smallest first', async () => {
    const model = await openFixtureModel('2.13', 'recipe_lstm.pt');
    const request = { module: 'lstm', engine: 'fbgemm', perChannel: false, runs: 2 } as const;
    const { points } = await breakEven(model, request, neverAborted, noProgress);
    assert.deepEqual(
      points.map(({ label }) => label),
      ['LSTM(1, 1)', 'LSTM(2, 2)', 'LSTM(4, 4)', 'LSTM(8, 8)', 'LSTM(16, 16)', 'LSTM(32, 32)'],
    );
    assert.deepEqual(
      points.filter(({ own }) => own).map(({ parameters }) => parameters),
      [576],
    );
    for (const { floatUs, quantizedUs, ratio } of points) {
      assert.ok(floatUs.median > 0 && quantizedUs.median > 0);
      assert.equal(ratio, floatUs.median / quantizedUs.median);
    }
  });
});
