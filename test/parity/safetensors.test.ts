import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { openModel } from '../../src/model/openModel';
import { tensorStats } from '../../src/model/tensorDetail';
import { openFileSource } from '../../src/worker/fileSource';
import { expectedOf, fixturePath } from '../support/fixtures';

const near = (actual: number, expected: number, scale: number) => Math.abs(actual - expected) <= 1e-6 * scale;

describe('tensors of safetensors files are PyTorch’s', () => {
  for (const name of ['recipe_lstm', 'mlp']) {
    it(`${name}.safetensors: bytes, and min, max, mean, std and zeros to 1e-6`, async () => {
      const source = await openFileSource(fixturePath('torch-2.13', `${name}.safetensors`));
      const model = await openModel(source, neverAborted);
      const { tensors } = expectedOf('2.13', name);
      assert.deepEqual([...model.tensors.keys()].sort(), Object.keys(tensors).sort());
      for (const one of await tensorStats(model, null, 8, neverAborted, noProgress)) {
        const expected = tensors[one.name];
        const largest = Math.max(Math.abs(one.min), Math.abs(one.max));
        assert.deepEqual(
          [one.shape, one.dtype, one.min, one.max, one.zeros],
          [expected.shape, expected.dtype, expected.min, expected.max, expected.zeros],
        );
        assert.ok(near(one.mean, expected.mean, largest), `${one.name}: mean ${one.mean}`);
        // expected.json has the deviation of the population.
        const { std } = one;
        assert.ok(near(std, expected.std, expected.std), `${one.name}: std ${one.std}`);
      }
      for (const { name: tensor, record } of model.tensors.values()) {
        const bytes = await model.file.readTensor(record, neverAborted);
        assert.equal(createHash('sha256').update(bytes).digest('hex'), tensors[tensor].sha256, tensor);
      }
      await source.close();
    });
  }
});

describe('shards and the whole file have the same tensors', () => {
  for (const name of ['recipe_lstm', 'mlp']) {
    it(name, async () => {
      const source = await openFileSource(fixturePath('torch-2.13', `${name}.safetensors.index.json`));
      const model = await openModel(source, neverAborted);
      const { tensors } = expectedOf('2.13', name);
      assert.deepEqual([...model.tensors.keys()].sort(), Object.keys(tensors).sort());
      assert.deepEqual(model.file.warnings, []);
      for (const { name: tensor, record } of model.tensors.values()) {
        const bytes = await model.file.readTensor(record, neverAborted);
        assert.equal(createHash('sha256').update(bytes).digest('hex'), tensors[tensor].sha256, tensor);
      }
      await source.close();
    });
  }
});
