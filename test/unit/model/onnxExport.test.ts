import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { chunksOf, joinChunks } from '../../../src/core/byteChunks';
import { bytesSource } from '../../../src/core/byteSource';
import { noProgress } from '../../../src/core/progress';
import { planOnnx } from '../../../src/formats/onnx/write';
import type { ModelFile } from '../../../src/formats/types';
import { planExport } from '../../../src/model/export/exportModel';
import { gatesReordered, transposed } from '../../../src/model/export/onnx/matrices';
import { openModel } from '../../../src/model/openModel';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { exportBytes } from '../../support/exports';
import { openBytes, readFixture } from '../../support/fixtures';
import { planCases, planModel, refusedPlans } from '../../support/planModels';

const int8: QuantizeSpecDto = { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [] };

async function exported(fixture: string, module: string, spec: QuantizeSpecDto | null): Promise<ModelFile> {
  const model = await openModel(bytesSource(await readFixture('torch-2.13', fixture), fixture), neverAborted);
  const request = { format: 'onnx', target: 'out.onnx', layout: 'state_dict', torchStyle: '1.13' } as const;
  const rest = { module, spec, shardBytes: 5e9, reduceRange: false, overwrite: false };
  const { files } = await planExport(model, { ...request, ...rest }, neverAborted, noProgress);
  return openBytes(await joinChunks(files[0].plan.chunks()), 'out.onnx');
}

const described = ({ tensors }: ModelFile) =>
  Object.fromEntries(tensors.map(({ name, tensor }) => [name, [tensor.dtype, ...tensor.shape].join(' ')]));

describe('ONNX exports', () => {
  it('an LSTM has its gates in ONNX’s order, and one bias for both products', async () => {
    assert.deepEqual(described(await exported('recipe_lstm.pt', 'lstm', null)), {
      'lstm.weight_ih_l0': 'float32 1 32 8',
      'lstm.weight_hh_l0': 'float32 1 32 8',
      'lstm.bias_l0': 'float32 1 64',
      'lstm.flat': 'int64 3',
    });
  });

  it('a quantized LSTM has int8 codes with a scale and a zero point a direction', async () => {
    const found = described(await exported('recipe_lstm.pt', 'lstm', int8));
    assert.equal(found['lstm.weight_ih_l0_quantized']?.split(' ').slice(1).join(' '), '1 8 32');
    assert.equal(found['lstm.weight_ih_l0_scale'], 'float32 1');
    assert.equal(found['lstm.weight_ih_l0_zero_point'], 'int8 1');
  });

  it('per channel there is a scale for every row', async () => {
    const found = described(await exported('recipe_lstm.pt', 'lstm', { ...int8, perChannel: true }));
    assert.equal(found['lstm.weight_hh_l0_scale'], 'float32 1 32');
  });

  for (const [fixture, operators] of [
    ['encoder.module.pt', ['MatMul', 'Softmax', 'LayerNormalization', 'Add', 'Identity']],
    ['convnet.module.pt', ['Conv', 'Identity']],
  ] as const) {
    it(`a whole model of PyTorch’s containers is one graph: ${fixture}`, async () => {
      const model = await openModel(bytesSource(await readFixture('modules', fixture), fixture), neverAborted);
      for (const spec of [null, int8]) {
        const [bytes] = await exportBytes(model, 'out.onnx', { format: 'onnx', spec });
        const { onnx } = await openBytes(bytes, 'out.onnx');
        const found = new Set(onnx?.graph?.nodes.map(({ opType }) => opType));
        for (const operator of operators) assert.ok(found.has(operator), `${operator} in ${[...found].join()}`);
        assert.equal(found.has('MatMulInteger'), spec !== null);
      }
    });
  }

  it('refuses a state dict that does not say how its modules are joined', async () => {
    await assert.rejects(exported('word_lm.pt', '', int8), { code: 'E_EXPORT_ONNX', message: /joined/ });
  });

  it('data beyond what a message may hold stands beside the graph, at multiples of a page', async () => {
    const half = { dtype: 'float32', shape: [300_000_000], data: async () => new Uint8Array(0) } as const;
    const graph = {
      name: 'large',
      nodes: [],
      initializers: [
        { name: 'tiny', dtype: 'float32' as const, shape: [1], data: async () => new Uint8Array(4) },
        { name: 'a', ...half },
        { name: 'b', ...half },
      ],
      inputs: [],
      outputs: [],
    };
    const files = planOnnx({ irVersion: 9, opsets: [{ domain: '', version: 20 }], graph, metadata: {} }, 'large.onnx');
    assert.deepEqual(
      files.map(({ name }) => name),
      ['large.onnx', 'large.onnx.data'],
    );
    assert.equal(files[1].plan.size, 4096 + 1_200_001_024 + 1_200_000_000);
    assert.ok(files[0].plan.size < 1000);
  });

  it('data beside what was copied from another file counts with it', () => {
    const data = async () => new Uint8Array(0);
    const large = { name: 'a', dtype: 'float32' as const, shape: [100_000_000], data };
    const copied = { copied: { length: 1_700_000_000, chunks: () => chunksOf(data()) } };
    for (const [copiedInitializers, names] of [
      [[], ['large.onnx']],
      [[copied], ['large.onnx', 'large.onnx.data']],
    ] as const) {
      const graph = { name: 'large', nodes: [], initializers: [large], copiedInitializers, inputs: [], outputs: [] };
      const files = planOnnx({ irVersion: 9, opsets: [], graph, metadata: {} }, 'large.onnx');
      assert.deepEqual(
        files.map(({ name }) => name),
        names,
      );
    }
  });

  it('transposes and reorders', () => {
    assert.deepEqual([...transposed(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)], [1, 4, 2, 5, 3, 6]);
    assert.deepEqual([...gatesReordered(Int8Array.of(1, 1, 2, 2, 3, 3, 4, 4), 'LSTM')], [1, 1, 4, 4, 2, 2, 3, 3]);
    assert.deepEqual([...gatesReordered(Int8Array.of(1, 2, 3), 'GRU')], [2, 1, 3]);
  });
});

describe('ONNX exports by a forward plan', () => {
  for (const [what, each, code, message] of refusedPlans) {
    it(`refuse ${what}`, async () => {
      const model = await planModel(each, 'model.pt');
      await assert.rejects(exportBytes(model, 'out.onnx', { format: 'onnx', plan: each.plan }), { code, message });
    });
  }

  it('leave the sizes open that no step asks for', async () => {
    const shapes = async (name: string) => {
      const each = planCases[name];
      const [bytes] = await exportBytes(await planModel(each, 'model.pt'), 'out.onnx', {
        format: 'onnx',
        plan: each.plan,
      });
      const { onnx } = await openBytes(bytes, 'out.onnx');
      return onnx?.graph?.inputs.map(({ name: own, shape }) => [own, ...(shape ?? [])]);
    };
    assert.deepEqual(await shapes('images'), [['image', 'batch', 3, 'height', 'width']]);
    assert.deepEqual(await shapes('transformer'), [['words', 'batch', 'steps']]);
    assert.deepEqual(await shapes('an encoder’s state for the decoder, and two outputs'), [
      ['source', 'steps', 'batch', 6],
      ['target', 'target_steps', 'target_batch', 6],
    ]);
    assert.deepEqual(await shapes('what only changes the form'), [['x', 2, 3, 8]]);
  });

  it('have a plan that was looked at', async () => {
    const each = planCases.signals;
    const plan = { ...each.plan, outputs: ['nothing'] };
    await assert.rejects(exportBytes(await planModel(each, 'model.pt'), 'out.onnx', { format: 'onnx', plan }), {
      code: 'E_PLAN',
    });
  });
});
