import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { noProgress } from '../../src/core/progress';
import { type Model, openModel, ownerOf } from '../../src/model/openModel';
import { tensorStats } from '../../src/model/tensorDetail';
import { type ExpectedTensor, expectedOf, type FixtureVersion, readFixture } from '../support/fixtures';

async function open(version: FixtureVersion, name: string): Promise<Model> {
  const bytes = await readFixture(`torch-${version}`, `${name}.onnx`);
  return openModel(bytesSource(bytes, `${name}.onnx`), neverAborted);
}

async function assertSame(model: Model, name: string, truth: ExpectedTensor): Promise<void> {
  const [stats] = await tensorStats(model, name, 8, neverAborted, noProgress);
  const widest = Math.max(Math.abs(truth.min), Math.abs(truth.max));
  for (const field of ['min', 'max', 'mean', 'std'] as const) {
    const size = field === 'mean' ? widest : Math.abs(truth[field]);
    assert.ok(
      Math.abs(stats[field] - truth[field]) <= 1e-6 * size,
      `${name} ${field}: ${stats[field]}, ${truth[field]}`,
    );
  }
  assert.equal(stats.zeros, truth.zeros, name);
}

describe('statistics of an ONNX export are those of the model that PyTorch exported', () => {
  for (const version of ['1.13', '2.13'] as const) {
    it(`by the state dict's names: mlp, PyTorch ${version}`, async () => {
      const model = await open(version, 'mlp');
      const { tensors } = expectedOf(version, 'mlp');
      assert.deepEqual([...model.tensors.keys()].sort(), Object.keys(tensors).sort());
      for (const [name, truth] of Object.entries(tensors)) await assertSame(model, name, truth);
    });

    // ONNX orders the gates otherwise and names them after the node; the values are the same ones.
    it(`by the inputs of the LSTM node: recipe_lstm, PyTorch ${version}`, async () => {
      const model = await open(version, 'recipe_lstm');
      const node = model.file.onnx?.graph?.nodes.find(({ opType }) => opType === 'LSTM');
      const { tensors } = expectedOf(version, 'recipe_lstm');
      const weights = Object.entries(tensors).filter(([name]) => name.includes('weight'));
      assert.equal(weights.length, 2);
      for (const [name, truth] of weights)
        await assertSame(model, node?.inputs[name.includes('weight_ih') ? 1 : 2] ?? '', truth);
      assert.equal(ownerOf(model, node?.inputs[1] ?? '')?.path, 'lstm.LSTM');
    });
  }
});
