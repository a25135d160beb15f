import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { noProgress } from '../../src/core/progress';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { RunnableModule } from '../../src/engine/nn/module';
import { floatTensor, type Tensor } from '../../src/engine/tensor/tensor';
import { forwardModule } from '../../src/model/forwardModule';
import { loadPair } from '../../src/model/loadPair';
import { type Model, openModel } from '../../src/model/openModel';
import { quantizeModel } from '../../src/model/quantizeModel';
import { runnableModules } from '../../src/model/runnable';
import type { EngineName } from '../../src/protocol/dto';
import { expectedOf, fixturePath } from '../support/fixtures';
import { fixtureVersions, openFixtureModel, spec } from '../support/models';
import { dynamicCases, unpack } from '../support/moduleCases';
import { readNpzFixture } from '../support/npz';

const context = { kernels: selectKernels(), abort: neverAborted };

function worstDifference(module: RunnableModule, inputs: readonly Tensor[], expected: Tensor): number {
  const [actual] = module.forward(inputs, context);
  assert.deepEqual(actual.shape, expected.shape);
  let worst = 0;
  for (let i = 0; i < expected.data.length; i++) {
    worst = Math.max(worst, Math.abs(Number(actual.data[i]) - Number(expected.data[i])));
  }
  return worst;
}

async function openSaved(name: string): Promise<Model> {
  const bytes = new Uint8Array(await readFile(fixturePath('modules', name)));
  return openModel(bytesSource(bytes, name), neverAborted);
}

describe('models that torch.save(model) kept run from end to end', () => {
  for (const { name, inputs, outputs, printed } of dynamicCases('dynamic.json.gz').models) {
    const given = inputs.map(unpack);
    for (const [engine, expected] of Object.entries(outputs)) {
      it(`${name}, ${engine}: within 2e-6 of PyTorch`, async () => {
        const model = await openSaved(`${name}.module.pt`);
        const changes = engine === 'float' ? {} : { engine: engine as EngineName };
        const pair = await loadPair(model, model.root, spec(changes), neverAborted);
        const worst = worstDifference(engine === 'float' ? pair.float : pair.quantized, given, unpack(expected));
        assert.ok(worst <= 2e-6, `largest difference ${worst}`);
      });
    }

    it(`${name} prints as in PyTorch, float and quantized`, async () => {
      const { repr } = await quantizeModel(await openSaved(`${name}.module.pt`), spec(), neverAborted, noProgress);
      assert.equal(repr.before, printed.float);
      assert.equal(repr.after, printed.quantized);
    });

    it(`${name} is offered first, with inputs that it takes`, async () => {
      const model = await openSaved(`${name}.module.pt`);
      const [root] = runnableModules(model.root, 10);
      assert.equal(root.path, '');
      // The convolution's image has the size that its Linear wants only when a person says so.
      if (name === 'convnet') return;
      const request = { module: '', seed: 1, shapes: root.inputs.map(({ shape }) => shape), runs: 1, warmup: 0 };
      const { result } = await forwardModule(
        model,
        { ...request, engine: 'fbgemm', perChannel: false },
        neverAborted,
        noProgress,
      );
      assert.ok(result.accuracy.sqnrDb > 15 && Number.isFinite(result.accuracy.sqnrDb));
      assert.deepEqual([...new Set(result.products.map(({ module }) => module))].length, 5);
    });
  }

  for (const version of fixtureVersions) {
    it(`mlp of torch ${version}: float and every engine within 1e-6`, async () => {
      const arrays = await readNpzFixture(`torch-${version}`, 'mlp');
      const tensor = (key: string) => {
        const array = arrays.get(key);
        assert.ok(array?.data instanceof Float32Array);
        return floatTensor(array.data, array.shape);
      };
      const model = await openFixtureModel(version, 'mlp.module.pt');
      const engines = Object.keys(expectedOf(version, 'mlp').quantized).filter((key) => !key.includes('_'));
      for (const engine of engines as EngineName[]) {
        const { float, quantized } = await loadPair(model, model.root, spec({ engine }), neverAborted);
        assert.ok(worstDifference(float, [tensor('input.0')], tensor('float.0')) <= 1e-6);
        assert.ok(worstDifference(quantized, [tensor('input.0')], tensor(`${engine}.0`)) <= 1e-6, engine);
      }
    });
  }
});
