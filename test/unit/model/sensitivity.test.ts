import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { Generator } from '../../../src/engine/random/generator';
import { initLinear } from '../../../src/engine/random/initialize';
import { floatTensor } from '../../../src/engine/tensor/tensor';
import { randomInputs } from '../../../src/model/randomInputs';
import { sensitivity } from '../../../src/model/sensitivity';
import type { SensitivityDto, SensitivityRequestDto } from '../../../src/protocol/answersDto';
import { type BuiltModule, builtModel } from '../../support/builtModel';
import { openFixtureModel, spec } from '../../support/models';

const width = 32;

/** Ten Linears with Tanh between them; `outlier` has one weight that is far too large for its scale. */
function tenLayers(outlier: number): BuiltModule {
  const generator = new Generator(9);
  const children: Record<string, BuiltModule> = {};
  for (let i = 0; i < 10; i++) {
    const parameters = initLinear(generator, width, width, true);
    // Tanh saturates for this one input, so the float output hardly changes, but every other
    // weight of the layer loses its bits.
    if (i === outlier) parameters.get('weight')?.data.fill(60, 0, 1);
    children[2 * i] = {
      className: 'torch.nn.modules.linear.Linear',
      attributes: { in_features: width, out_features: width },
      parameters,
    };
    children[2 * i + 1] = { className: 'torch.nn.modules.activation.Tanh' };
  }
  return { className: 'torch.nn.modules.container.Sequential', children };
}

function ask(changes: Partial<SensitivityRequestDto> = {}): SensitivityRequestDto {
  return { spec: spec(), module: '', seed: 1, shapes: null, targetDb: null, maxBytes: null, ...changes };
}

const run = (model: Parameters<typeof sensitivity>[0], changes: Partial<SensitivityRequestDto> = {}) =>
  sensitivity(model, ask(changes), neverAborted, noProgress);

describe('sensitivity without a data set', () => {
  for (const outlier of [0, 4, 9]) {
    it(`finds the layer that was spoilt among ten: layer ${outlier}`, async () => {
      const model = builtModel(tenLayers(outlier));
      const [all, without] = (await run(model)).curve.map(({ measuredDb }) => measuredDb ?? 0);
      assert.ok(without > all + 5, `${all} dB with the layer, ${without} dB without`);
      const targetDb = (all + without) / 2;
      const result = await run(model, { targetDb });
      assert.equal(result.scope, 'model');
      assert.equal(result.layers[0].path, String(2 * outlier));
      assert.ok(result.layers[0].sqnrDb < result.layers[1].sqnrDb - 10, 'by far the worst');
      assert.deepEqual(result.suggestion?.keep, [String(2 * outlier)]);
      assert.ok(result.suggestion?.reached && (result.suggestion.measuredDb ?? 0) >= targetDb);
    });
  }

  it('the curve runs from everything int8 to everything float, measured at each point', async () => {
    const { curve, layers } = await run(builtModel(tenLayers(4)));
    assert.equal(curve.length, 11);
    assert.deepEqual(
      curve.map(({ keep }) => keep.length),
      Array.from({ length: 11 }, (_, i) => i),
    );
    assert.equal(curve[10].measuredDb, Number.POSITIVE_INFINITY);
    const saved = layers.reduce((sum, { bytes }) => sum + bytes.before - bytes.after, 0);
    assert.equal(curve[10].bytes - curve[0].bytes, saved);
  });

  it('with most layers quantized, what is expected of the sum is within 3 dB of what is measured', async () => {
    const { curve } = await run(builtModel(tenLayers(4)));
    for (const { sqnrDb, measuredDb } of curve.slice(0, 3)) {
      assert.ok(Math.abs(sqnrDb - (measuredDb ?? 0)) < 3, `expected ${sqnrDb}, measured ${measuredDb}`);
    }
  });

  it('other questions are answered between two passes', async () => {
    let answered = 0;
    let done = false;
    const answer = () => {
      answered++;
      if (!done) setImmediate(answer);
    };
    setImmediate(answer);
    await run(builtModel(tenLayers(4)));
    done = true;
    assert.ok(answered >= 21, `${answered} times in 10 layers and 11 points of the curve`);
  });

  it('a size budget is kept', async () => {
    const model = builtModel(tenLayers(4));
    const { curve } = await run(model);
    const { suggestion } = await run(model, { maxBytes: curve[3].bytes });
    assert.ok(suggestion !== null && suggestion.bytes <= curve[3].bytes && suggestion.keep.length === 3);
  });

  it('the same seed gives the same answer, another seed another', async () => {
    const model = builtModel(tenLayers(4));
    const [a, b, c]: SensitivityDto[] = [await run(model), await run(model), await run(model, { seed: 2 })];
    assert.deepEqual(a, b);
    assert.notDeepEqual(a.layers, c.layers);
  });

  it('given inputs are measured in place of random ones: those of the seed give what the seed gives', async () => {
    const model = builtModel(tenLayers(4));
    const seeded = await run(model, { shapes: [[3, width]] });
    const of = (data: Float32Array) =>
      sensitivity(model, ask(), neverAborted, noProgress, [floatTensor(data, [3, width])]);
    const inputs = randomInputs(1, [[3, width]], []);
    assert.deepEqual(await of(inputs[0].data as Float32Array), seeded);
    const ones = await of(new Float32Array(3 * width).fill(1));
    assert.notDeepEqual(ones.layers, seeded.layers);
    assert.deepEqual(ones.inputs, seeded.inputs);
  });

  it('inputs are refused where the whole cannot run', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    const inputs = [floatTensor(new Float32Array(4), [1, 4])];
    await assert.rejects(sensitivity(model, ask(), neverAborted, noProgress, inputs), { code: 'E_NOT_RUNNABLE' });
  });

  it('a model whose forward is not in the file is measured layer by layer, and says why', async () => {
    const result = await run(await openFixtureModel('2.13', 'word_lm.pt'), { targetDb: 30 });
    assert.equal(result.scope, 'layer');
    assert.match(result.reason, /does not say what/);
    assert.deepEqual(result.layers.map(({ path }) => path).sort(), ['decoder', 'rnn']);
    assert.ok(result.layers.every(({ sqnrDb }) => sqnrDb > 10 && sqnrDb < 80));
  });
});
