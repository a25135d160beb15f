import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import type { Tensor } from '../../src/engine/tensor/tensor';
import { coverage } from '../../src/model/coverage';
import { forwardModule } from '../../src/model/forwardModule';
import { findModule } from '../../src/model/openModel';
import { planQuantization } from '../../src/model/quantizePlan';
import { runnableModules } from '../../src/model/runnable';
import { storedTwins } from '../../src/model/storedTwin';
import { fixtureVersions, openFixtureModel, spec } from '../support/models';
import { unpack } from '../support/moduleCases';
import { readNpzFixture } from '../support/npz';
import {
  describeStoredState,
  engineOf,
  openTwin,
  runStored,
  type TwinForm,
  tolerance,
  twinSets,
  worst,
} from '../support/twins';

describe('modules that the file holds quantized run as PyTorch runs them', () => {
  for (const version of fixtureVersions) {
    for (const [set, { inputs, outputs, print }] of Object.entries(twinSets(version))) {
      for (const form of ['module', 'state'] as const satisfies readonly TwinForm[]) {
        for (const [engine, expected] of Object.entries(outputs)) {
          for (const [path, given] of Object.entries(inputs)) {
            const told = describeStoredState(form, set, path);
            if (told === undefined) continue;
            const bound = tolerance(set, path, version);
            it(`${version}, ${set}.${form}, ${engine}, ${path || 'the whole'}: ${bound === 0 ? 'to the bit' : `within ${bound}`}`, async () => {
              const model = await openTwin(set, version, form);
              const actual = await runStored(model, path, engineOf(engine, version), given.map(unpack).map(told.input));
              const [first, ...states] = expected[path].map(unpack);
              const largest = worst(actual, [told.output(first), ...states]);
              assert.ok(largest <= bound, `${largest}`);
            });
          }
        }
      }

      it(`${version}, ${set}: is offered to be run, and says that it is quantized`, async () => {
        const model = await openTwin(set, version, 'module');
        const offered = runnableModules(model.root, 100).map(({ path }) => path);
        for (const path of storedTwins(model.root)) assert.ok(offered.includes(path), path);
        const { rows } = await coverage(model, spec(), false, neverAborted, noProgress);
        for (const path of storedTwins(model.root)) {
          assert.equal(rows.find((row) => row.path === path)?.reason, 'it is quantized already');
        }
        const { skipped } = planQuantization(model.root, spec());
        assert.equal(
          skipped.filter(({ reason }) => reason === 'it is quantized already').length,
          storedTwins(model.root).length,
        );
        assert.ok(print.length > 0);
      });
    }

    it(`${version}: mlp as a whole from its quantized module file, on every engine`, async () => {
      const arrays = await readNpzFixture(`torch-${version}`, 'mlp');
      for (const packedBy of version === '1.13' ? ['onednn', 'qnnpack'] : ['fbgemm', 'onednn', 'qnnpack']) {
        const model = await openFixtureModel(version, `mlp.${packedBy}.quantized_module.pt`);
        for (const engine of version === '1.13' ? ['onednn', 'qnnpack'] : ['fbgemm', 'onednn', 'qnnpack']) {
          const tensor = (name: string) => ({ dtype: 'float32', ...arrays.get(name) }) as Tensor;
          const actual = await runStored(model, '', engineOf(engine, version), [tensor('input.0')]);
          assert.equal(worst(actual, [tensor(`${engine}.0`)]), 0, `${packedBy}, ${engine}`);
        }
      }
    });

    it(`${version}: the recipe's LSTM from state dict and module file, 1.13 to the bit`, async () => {
      const arrays = await readNpzFixture(`torch-${version}`, 'recipe_lstm');
      const engine = version === '1.13' ? 'onednn' : 'fbgemm';
      for (const kind of ['quantized', 'quantized_module']) {
        const model = await openFixtureModel(version, `recipe_lstm.${engine}.${kind}.pt`);
        const tensor = (name: string) => ({ dtype: 'float32', ...arrays.get(name) }) as Tensor;
        const inputs = [0, 1, 2].map((i) => tensor(`input.${i}`));
        const actual = await runStored(model, 'lstm', engineOf(engine, version), inputs);
        const bound = version === '1.13' ? 0 : 2.4e-7;
        assert.ok(
          worst(
            actual,
            [0, 1, 2].map((i) => tensor(`${engine}.${i}`)),
          ) <= bound,
        );
      }
    });
  }

  it('forward reports the file’s own module beside the same with the weights that the codes stand for', async () => {
    const model = await openTwin('fused', '2.13', 'module');
    const request = {
      module: '',
      seed: 1,
      shapes: [[7, 6]],
      inputs: null,
      engine: 'fbgemm',
      perChannel: false,
      runs: 1,
      warmup: 0,
    } as const;
    const { result } = await forwardModule(model, request, neverAborted, noProgress);
    const { stored, size, accuracy, products } = result;
    assert.equal(stored, true);
    assert.deepEqual(size.floatBytes, 4 * (30 + 5 + 20 + 4 + 12 + 3));
    assert.deepEqual(size.quantizedBytes, 30 + 20 + 12 + 4 * (5 + 4 + 3));
    assert.ok(accuracy.sqnrDb > 30, `${accuracy.sqnrDb}`);
    assert.deepEqual(
      products.map(({ module, weight }) => `${module}.${weight}`),
      ['0.weight', '1.0.weight', '2.weight'],
    );
  });

  it('an EmbeddingBag is told in a state dict by 4 bits or by its name', async () => {
    const model = await openTwin('tables', '2.13', 'state');
    assert.deepEqual(
      ['words', 'bag', 'bag4'].map((path) => findModule(model, path).type),
      ['QuantizedEmbedding', 'QuantizedEmbeddingBag', 'QuantizedEmbeddingBag'],
    );
  });
});
