import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { neverAborted } from '../../../src/core/abort';
import { aborted } from '../../../src/core/errors';
import { loadModule } from '../../../src/model/loadModule';
import type { Model } from '../../../src/model/openModel';
import { plannedSize, quantizedStateDict, replacementOf, stateModules } from '../../../src/model/quantizedFile';
import { quantizeModel, summarizeReport } from '../../../src/model/quantizeModel';
import { planQuantization } from '../../../src/model/quantizePlan';
import type { EngineName } from '../../../src/protocol/dto';
import { type FixtureVersion, fixturePath, openBytes, readFixture } from '../../support/fixtures';
import { openFixtureModel, quantized, spec } from '../../support/models';
import { modelOf } from '../../support/tensorEntries';

/** Size of the file that torch.save would write under this archive name. */
async function sizeAs(model: Model, engine: EngineName, archiveName: string): Promise<number> {
  const replacements = new Map();
  for (const node of planQuantization(model.tree, spec({ engine })).quantized.values()) {
    const float = await loadModule(model, node, neverAborted);
    replacements.set(node.path, replacementOf(float.toDynamic(node.path, engine, 'per_tensor')));
  }
  const modules = stateModules(model.root, model.root.path, (node) => replacements.get(node.path));
  const state = quantizedStateDict(modules, model.file.moduleVersions);
  return plannedSize(state, archiveName, model.file.torchStyle ?? '2', engine);
}

describe('sizes of quantized files', () => {
  const fixtures: readonly [version: FixtureVersion, name: string, engine: EngineName][] = [
    ['1.13', 'recipe_lstm', 'onednn'],
    ['1.13', 'recipe_lstm', 'qnnpack'],
    ['1.13', 'mlp', 'onednn'],
    ['1.13', 'mlp', 'qnnpack'],
    ['2.13', 'recipe_lstm', 'fbgemm'],
    ['2.13', 'recipe_lstm', 'onednn'],
    ['2.13', 'recipe_lstm', 'qnnpack'],
    ['2.13', 'mlp', 'fbgemm'],
    ['2.13', 'mlp', 'onednn'],
    ['2.13', 'mlp', 'qnnpack'],
    ['2.13', 'word_lm', 'fbgemm'],
  ];
  for (const [version, name, engine] of fixtures) {
    it(`torch ${version}, ${name}, ${engine}: that of the file that PyTorch wrote`, async () => {
      const archive = `${name}.${engine}.quantized`;
      const { size } = statSync(fixturePath(`torch-${version}`, `${archive}.pt`));
      assert.equal(await sizeAs(await openFixtureModel(version, `${name}.pt`), engine, archive), size);
    });
  }

  it('the report names the archive after the file', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const { bytes } = await quantized(model);
    assert.deepEqual(bytes, { before: 13_237, after: await sizeAs(model, 'fbgemm', 'mlp') });
  });
});

describe('the report', () => {
  it('of an ONNX graph has the scales of onnxruntime’s quantize_dynamic, by the modules of its weights', async () => {
    const { modules } = await quantized(await openFixtureModel('1.13', 'mlp.onnx'));
    const theirs = await openBytes(await readFixture('onnx', 'mlp.dynamic.onnx'), 'mlp.dynamic.onnx');
    const scaleOf = (weight: string) => theirs.tensors.find(({ name }) => name === weight)?.tensor.quantization;
    assert.deepEqual(
      modules.map(({ path, weights: [weight] }) => [path, weight.name, weight.scheme, weight.scales]),
      ['0', '2'].map((path) => {
        const found = scaleOf(`${path}.weight_quantized`);
        return [path, 'weight', 'per_tensor', [found?.scheme === 'per_tensor' ? found.scale : NaN]];
      }),
    );
  });

  it('lists modules in the order of the file with bytes, and what was skipped', async () => {
    const report = await quantized(await openFixtureModel('2.13', 'word_lm.pt'));
    assert.deepEqual(
      report.modules.map(({ path, type, quantizedType, bytes }) => [path, type, quantizedType, bytes]),
      [
        ['rnn', 'LSTM', 'DynamicQuantizedLSTM', { before: 4 * (65_536 + 1024), after: 65_536 + 4096 }],
        ['decoder', 'Linear', 'DynamicQuantizedLinear', { before: 4 * 13_000, after: 12_800 + 800 }],
      ],
    );
    assert.deepEqual(report.skipped, [{ path: 'encoder', type: 'Embedding', reason: 'not in the spec' }]);
    assert.deepEqual(report.tensorBytes, {
      before: 4 * (12_800 + 66_560 + 13_000),
      after: 4 * 12_800 + 69_632 + 13_600,
    });
    assert.ok(report.sqnrDb > 40 && report.sqnrDb < 50, String(report.sqnrDb));
  });

  it('a per-channel report has a scale a row, and a better signal', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const [perTensor, perChannel] = [await quantized(model), await quantized(model, { perChannel: true })];
    assert.deepEqual(
      perChannel.modules.map(({ weights }) => weights[0].scales.length),
      [64, 10],
    );
    assert.ok(perChannel.sqnrDb > perTensor.sqnrDb);
  });

  it('a checkpoint is compared model with model', async () => {
    const { bytes, modules, repr } = await quantized(await openFixtureModel('2.13', 'word_lm.ckpt'));
    const plain = await quantized(await openFixtureModel('2.13', 'word_lm.pt'));
    assert.ok(Math.abs(bytes.before - plain.bytes.before) < 2000, `${bytes.before} ${plain.bytes.before}`);
    assert.ok(Math.abs(bytes.after - plain.bytes.after) < 2000, `${bytes.after} ${plain.bytes.after}`);
    assert.deepEqual(
      modules.map(({ weights }) => weights.length),
      [4, 1],
    );
    assert.match(repr.after, /DynamicQuantizedLSTM/);
  });

  it('the summary groups what stays float', async () => {
    const changes = { exclude: ['*'] };
    const summary = summarizeReport(
      await openFixtureModel('2.13', 'mlp.pt'),
      await quantized(await openFixtureModel('2.13', 'mlp.pt'), changes),
      spec(changes),
    );
    assert.equal(summary.quantizedCount, 0);
    assert.deepEqual(summary.skipped, [
      { type: 'Linear', reason: 'excluded', count: 2, paths: ['0', '2'], takes: 'default_dynamic' },
    ]);
  });

  it('the summary names the qconfig that would quantize what stays float, and none where nothing does', async () => {
    const model = await openFixtureModel('2.13', 'word_lm.pt');
    const { skipped } = summarizeReport(model, await quantized(model), spec());
    assert.deepEqual(skipped, [
      { type: 'Embedding', reason: 'not in the spec', count: 1, paths: ['encoder'], takes: 'float_qparams' },
    ]);
    const norms = await modelOf({
      'norm.weight': { shape: [4], values: [1, 1, 1, 1] },
      'norm.bias': { shape: [4], values: [0, 0, 0, 0] },
      'norm.running_mean': { shape: [4], values: [0, 0, 0, 0] },
      'norm.running_var': { shape: [4], values: [1, 1, 1, 1] },
    });
    const left = summarizeReport(norms, await quantized(norms), spec()).skipped;
    assert.deepEqual(
      left.map(({ type, takes }) => [type, takes]),
      [['BatchNorm2d', undefined]],
    );
  });

  it('NaN in a weight is an error that names the tensor', async () => {
    const model = await modelOf({
      'fc.weight': { shape: [2, 2], values: [1, Number.NaN, 2, 3] },
      'fc.bias': { shape: [2], values: [0, 0] },
    });
    await assert.rejects(quantized(model), (error: { code?: string; details?: { where?: { tensor?: string } } }) => {
      assert.equal(error.code, 'E_NAN_WEIGHT');
      assert.equal(error.details?.where?.tensor, 'fc.weight');
      return true;
    });
  });

  it('an abort ends between modules', async () => {
    const model = await openFixtureModel('2.13', 'mlp.pt');
    const seen: string[] = [];
    const abort = {
      throwIfAborted() {
        if (seen.length === 2) throw aborted();
      },
    };
    await assert.rejects(
      quantizeModel(model, spec(), abort, (_done, _total, what) => void seen.push(what)),
      { code: 'E_ABORTED' },
    );
    assert.deepEqual(seen, ['0', '2']);
  });
});
