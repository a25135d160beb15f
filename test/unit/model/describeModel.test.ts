import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { inspect, summarize } from '../../../src/model/describeModel';
import { expectedOf } from '../../support/fixtures';
import { fixtureVersions, openFixtureModel, quantized } from '../../support/models';

/**
 * What a state dict cannot tell of print(model): class names of containers, modules without
 * parameters, dropout, batch_first, padding_idx; and LayerNorm prints bias only since 2.1.
 */
function asStateDictTells(print: string, stem: string): string {
  return print
    .split('\n')
    .filter((line) => !/: (Dropout|ReLU)\(/.test(line))
    .join('\n')
    .replace(/^\w+\(/, (root) => (root === 'Sequential(' ? root : `${stem}(`))
    .replace(/, (dropout=[\d.]+|batch_first=True|padding_idx=\d+)/g, '')
    .replace('elementwise_affine=True)', 'elementwise_affine=True, bias=True)');
}

describe('print(model)', () => {
  for (const version of fixtureVersions) {
    for (const name of ['recipe_lstm', 'word_lm', 'mlp', 'gru_tagger']) {
      const expected = expectedOf(version, name);
      it(`torch ${version}, ${name}: as far as a state dict knows`, async () => {
        const { repr, reprInferred } = summarize(await openFixtureModel(version, `${name}.pt`));
        assert.equal(repr, asStateDictTells(expected.print_float, name));
        assert.equal(reprInferred, true);
      });

      it(`torch ${version}, ${name}: after quantization`, async () => {
        const { repr } = await quantized(await openFixtureModel(version, `${name}.pt`), { engine: 'onednn' });
        assert.equal(repr.before, asStateDictTells(expected.print_float, name));
        assert.equal(repr.after, asStateDictTells(expected.quantized.onednn.print, name));
      });
    }
  }

  it('per channel is said in the line of a Linear', async () => {
    const { repr } = await quantized(await openFixtureModel('2.13', 'mlp.pt'), { perChannel: true });
    assert.equal(repr.after.match(/qscheme=torch\.per_channel_affine/g)?.length, 2);
  });
});

describe('summary and inventory', () => {
  it('word_lm', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    const summary = summarize(model);
    assert.equal(summary.file, 'word_lm.pt');
    assert.equal(summary.bytes, 373_186);
    assert.equal(summary.tensorCount, 11);
    assert.equal(summary.parameters, 200 * 64 * 2 + 200 + 4 * 256 * 64 + 4 * 256);
    assert.equal(summary.tensorBytes, summary.parameters * 4);
    assert.equal(summary.dtype, 'float32');
    assert.equal(summary.quantizableCount, 2);
    assert.equal(summary.moduleCount, 4);
    assert.equal(summary.safety.verdict, 'safe');
    assert.deepEqual(
      summary.runnable.map(({ path, inputs }) => [path, inputs.map(({ name, shape }) => `${name} ${shape}`)]),
      [
        ['rnn', ['input 20,1,64', 'h0 2,1,64', 'c0 2,1,64']],
        ['decoder', ['input 20,64']],
      ],
    );
  });

  it('a bidirectional GRU takes a state for each direction and no c0', async () => {
    const { runnable } = summarize(await openFixtureModel('2.13', 'gru_tagger.pt'));
    assert.deepEqual(runnable[0].inputs, [
      { name: 'input', shape: [20, 1, 24] },
      { name: 'h0', shape: [4, 1, 32] },
    ]);
  });

  it('bfloat16 weights say so', async () => {
    assert.equal(summarize(await openFixtureModel('2.13', 'mlp.bf16.pt')).dtype, 'bfloat16');
  });

  it('a checkpoint: its model counts, its optimizer is listed but left out', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.ckpt');
    const summary = summarize(model);
    const plain = summarize(await openFixtureModel('2.13', 'word_lm.pt'));
    assert.deepEqual(
      [summary.parameters, summary.tensorCount, summary.quantizableCount, summary.moduleCount],
      [plain.parameters, plain.tensorCount, plain.quantizableCount, plain.moduleCount],
    );
    assert.equal(summary.repr.split('\n').slice(1).join('\n'), plain.repr.split('\n').slice(1).join('\n'));
    assert.ok((await inspect(model, neverAborted)).tensors.length > summary.tensorCount);
    assert.ok(summary.runnable.every(({ path }) => !path.startsWith('optim')));
  });

  it('inspect lists tensors with their module, and modules with their tensors', async () => {
    const { tensors, modules } = await inspect(await openFixtureModel('2.13', 'mlp.pt'), neverAborted);
    assert.deepEqual(tensors[0], { name: '0.weight', shape: [64, 32], dtype: 'float32', bytes: 8192, module: '0' });
    assert.deepEqual(
      modules.map(({ path, type, params }) => [path, type, params]),
      [
        ['', 'Sequential', 64 * 33 + 10 * 65],
        ['0', 'Linear', 64 * 33],
        ['2', 'Linear', 10 * 65],
      ],
    );
    assert.deepEqual(modules[1].tensors, ['0.weight', '0.bias']);
  });
});
