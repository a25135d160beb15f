import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { joinChunks } from '../../src/core/byteChunks';
import { noProgress } from '../../src/core/progress';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { coverage } from '../../src/model/coverage';
import { dynamicModules } from '../../src/model/loadPair';
import { loadTree } from '../../src/model/loadTree';
import { findModule } from '../../src/model/openModel';
import { modelOverview } from '../../src/model/overview';
import { planQuantization } from '../../src/model/quantizePlan';
import { sensitivity } from '../../src/model/sensitivity';
import type { QuantizeSpecDto } from '../../src/protocol/quantizeDto';
import { plannedExport } from '../support/exports';
import { fixtureVersions, modelFrom, quantized, spec } from '../support/models';
import { unpack } from '../support/moduleCases';
import { engineOf, openTwin, twinSets } from '../support/twins';

/** The spec that generate.py gave PyTorch. */
const asPyTorch: Partial<QuantizeSpecDto> = {
  modules: ['LinearReLU', 'Linear'],
  overrides: [{ target: '2', qconfig: 'per_channel_dynamic' }],
};

describe('the fused LinearReLU of fuse_modules is quantized as PyTorch does', () => {
  for (const version of fixtureVersions) {
    const expected = twinSets(version).fused;

    it(`${version}: under its own type the pair becomes one module, printed as PyTorch prints it`, async () => {
      const { repr, modules } = await quantized(await openTwin('fused', version, 'float.module'), asPyTorch);
      assert.equal(repr.before, expected.float);
      assert.equal(repr.after, expected.print);
      assert.deepEqual(
        modules.map(({ path, quantizedType, weights }) => [path, quantizedType, weights[0].name, weights[0].scheme]),
        [
          ['0', 'DynamicQuantizedLinearReLU', '0.weight', 'per_tensor'],
          ['1.0', 'DynamicQuantizedLinear', 'weight', 'per_tensor'],
          ['2', 'DynamicQuantizedLinearReLU', '0.weight', 'per_channel'],
        ],
      );
    });

    it(`${version}: under the default spec, or {Linear}, the pair stays float with its Linear`, async () => {
      for (const changes of [{}, { modules: ['Linear'] }]) {
        const model = await openTwin('fused', version, 'float.module');
        assert.equal((await quantized(model, changes)).repr.after, expected.default);
        const { skipped, quantized: chosen } = planQuantization(model.root, spec(changes));
        assert.deepEqual([...chosen.keys()], ['1.0']);
        assert.deepEqual(skipped[0], { path: '0', type: 'LinearReLU', reason: 'not in the spec' });
      }
    });

    it(`${version}: a name takes the pair, the name of the Linear inside takes nothing`, async () => {
      const { root } = await openTwin('fused', version, 'float.module');
      const paths = (modules: readonly string[]) => [...planQuantization(root, spec({ modules })).quantized.keys()];
      assert.deepEqual(paths(['0']), ['0']);
      assert.deepEqual(paths(['0.0']), []);
    });

    for (const [engine, outputs] of Object.entries(expected.outputs)) {
      it(`${version}, ${engine}: every output is PyTorch's to the bit`, async () => {
        const model = await openTwin('fused', version, 'float.module');
        for (const [path, inputs] of Object.entries(expected.inputs)) {
          const node = path === '' ? model.root : findModule(model, path);
          const tree = await loadTree(model, node, neverAborted);
          const { qconfigs } = planQuantization(node, spec(asPyTorch));
          const module = tree.assemble(dynamicModules(tree, qconfigs, engineOf(engine, version)));
          const [output] = module.forward(inputs.map(unpack), { kernels: selectKernels(), abort: neverAborted });
          assert.deepEqual(output.data, unpack(outputs[path][0]).data, path);
        }
      });
    }

    it(`${version}: the state dict is torch.save's own`, async () => {
      const model = await openTwin('fused', version, 'float.module');
      const style = version === '1.13' ? '1.13' : '2';
      const request = { spec: spec({ ...asPyTorch, engine: 'onednn' }), torchStyle: style, format: 'torch' } as const;
      const planned = await plannedExport(model, 'fused.state.pt', request);
      const written = await modelFrom(await joinChunks(planned.files[0].plan.chunks()), 'written.pt');
      const theirs = await openTwin('fused', version, 'state');
      assert.deepEqual([...written.tensors.keys()], [...theirs.tensors.keys()]);
      for (const [name, { record }] of theirs.tensors) {
        const ours = written.tensors.get(name);
        assert.ok(ours);
        assert.deepEqual(
          await written.file.readTensor(ours.record, neverAborted),
          await theirs.file.readTensor(record, neverAborted),
          name,
        );
      }
    });
  }

  it('bytes, coverage, overview and sensitivity see the pair as one module', async () => {
    const model = await openTwin('fused', '2.13', 'float.module');
    const chosen = spec(asPyTorch);
    const { bytesAfter, weights } = planQuantization(model.root, chosen);
    assert.deepEqual([...weights], ['0.0.weight', '1.0.weight', '2.0.weight']);
    assert.equal(bytesAfter.get('0'), 30 + 4 * 5);
    const { rows, share } = await coverage(model, chosen, true, neverAborted, noProgress);
    assert.equal(rows.find(({ path }) => path === '0')?.status, 'quantized');
    assert.deepEqual(
      rows.filter(({ path }) => path.startsWith('0.')).map(({ status, reason }) => [status, reason]),
      [
        ['float', 'part of 0, a LinearReLU that is taken as one'],
        ['float', 'part of 0, a LinearReLU that is taken as one'],
      ],
    );
    assert.equal(share, (30 + 20 + 12) / (30 + 5 + 20 + 4 + 12 + 3));
    assert.ok(modelOverview(model, chosen).tiles.every(({ quantized: on }) => on));
    const request = { module: '', spec: chosen, seed: 0, shapes: null, targetDb: null, maxBytes: null };
    const { scope, layers } = await sensitivity(model, request, neverAborted, noProgress);
    assert.equal(scope, 'model');
    assert.deepEqual(layers.map(({ path }) => path).sort(), ['0', '1.0', '2']);
  });
});
