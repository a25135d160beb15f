import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { joinChunks } from '../../../src/core/byteChunks';
import { bytesSource } from '../../../src/core/byteSource';
import { noProgress } from '../../../src/core/progress';
import { planExport } from '../../../src/model/export/exportModel';
import { openModel } from '../../../src/model/openModel';
import type { EngineName } from '../../../src/protocol/dto';
import type { ExportRequestDto } from '../../../src/protocol/exportDto';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { exportRequest, plannedExport } from '../../support/exports';
import { type FixtureVersion, openBytes, readFixture } from '../../support/fixtures';

const spec = (engine: EngineName, rest: Partial<QuantizeSpecDto> = {}): QuantizeSpecDto => ({
  engine,
  dtype: 'qint8',
  perChannel: false,
  modules: null,
  exclude: [],
  ...rest,
});

interface Written {
  readonly names: readonly string[];
  readonly bytes: readonly Uint8Array[];
  readonly load: string;
}

/** An export of a fixture, in memory. */
async function exported(
  version: FixtureVersion,
  fixture: string,
  request: Partial<ExportRequestDto>,
): Promise<Written> {
  const model = await openModel(bytesSource(await readFixture(`torch-${version}`, fixture), fixture), neverAborted);
  const { files, load } = await plannedExport(model, 'out.pt', { overwrite: false, ...request });
  const bytes: Uint8Array[] = [];
  for (const { plan } of files) {
    const content = await joinChunks(plan.chunks());
    assert.equal(content.length, plan.size, 'the planned size');
    bytes.push(content);
  }
  return { names: files.map(({ name }) => name), bytes, load };
}

describe('exports', () => {
  const identical: readonly [name: string, engines: readonly EngineName[]][] = [
    ['recipe_lstm', ['onednn', 'qnnpack']],
    ['word_lm', ['onednn', 'qnnpack']],
    ['mlp', ['onednn', 'qnnpack']],
    ['gru_tagger', ['onednn', 'qnnpack']],
  ];
  for (const [name, engines] of identical) {
    for (const engine of engines) {
      it(`${name} quantized with ${engine} is byte for byte what PyTorch 1.13 saved`, async () => {
        const target = `${name}.${engine}.quantized.pt`;
        const { bytes } = await exported('1.13', `${name}.pt`, { target, spec: spec(engine) });
        const expected = await readFixture('torch-1.13', target);
        assert.equal(Buffer.compare(bytes[0], expected), 0);
      });
    }

    it(`${name} in float is byte for byte what PyTorch 1.13 saved`, async () => {
      const { bytes } = await exported('1.13', `${name}.pt`, { target: `${name}.pt` });
      assert.equal(Buffer.compare(bytes[0], await readFixture('torch-1.13', `${name}.pt`)), 0);
    });
  }

  it('of a training checkpoint is its model under the model’s own names', async () => {
    const { bytes } = await exported('2.13', 'word_lm.ckpt', { spec: spec('fbgemm') });
    const file = await openBytes(bytes[0]);
    assert.ok(file.tensors.every(({ name }) => /^(encoder|rnn|decoder)\./.test(name)));
    // Two layers and two directions of one shape look alike in a quantized file.
    assert.deepEqual(
      file.warnings.map(({ code }) => code),
      ['E_PT_AMBIGUOUS'],
    );
  });

  it('with set_weight_bias holds plain tensors only', async () => {
    const { bytes } = await exported('2.13', 'recipe_lstm.pt', { spec: spec('fbgemm'), layout: 'set_weight_bias' });
    const file = await openBytes(bytes[0]);
    assert.deepEqual(
      file.tensors.map(({ name, tensor }) => [name, tensor.dtype]),
      [
        ['lstm.weight_ih_l0', 'qint8'],
        ['lstm.weight_hh_l0', 'qint8'],
        ['lstm.bias_ih_l0', 'float32'],
        ['lstm.bias_hh_l0', 'float32'],
      ],
    );
    assert.deepEqual(file.opaque, []);
  });

  it('to safetensors put the scale and the zero point beside the codes', async () => {
    const target = 'out.safetensors';
    const request = { format: 'safetensors', target, spec: spec('fbgemm', { perChannel: true }) } as const;
    const { bytes } = await exported('2.13', 'mlp.pt', request);
    const file = await openBytes(bytes[0], target);
    const found = new Map(file.tensors.map(({ name, tensor }) => [name, [tensor.dtype, ...tensor.shape]]));
    assert.deepEqual(found.get('0.weight'), ['int8', 64, 32]);
    assert.deepEqual(found.get('0.weight_scale'), ['float32', 64]);
    assert.deepEqual(found.get('0.weight_zero_point'), ['int64', 64]);
    assert.deepEqual(found.get('0.bias'), ['float32', 64]);
  });

  it('to safetensors say how the integers were made, from what and by whom', async () => {
    const model = await openModel(bytesSource(await readFixture('torch-2.13', 'mlp.pt'), 'mlp.pt'), neverAborted);
    const request = exportRequest('a.safetensors', { format: 'safetensors', spec: spec('qnnpack') });
    const sources = { hashOf: async () => 'ab'.repeat(32) };
    const { files } = await planExport(model, request, neverAborted, noProgress, sources);
    const file = await openBytes(await joinChunks(files[0].plan.chunks()), 'a.safetensors');
    const { scheme, dtype, engine, producer, source } = JSON.parse(file.metadata.quantization ?? '{}');
    assert.deepEqual([scheme, dtype, engine], ['per_tensor_symmetric', 'qint8', 'qnnpack']);
    assert.match(producer, /^Quantscope \d+\.\d+\.\d+$/);
    assert.deepEqual(source, { file: 'mlp.pt', bytes: model.file.bytes, sha256: 'ab'.repeat(32) });
  });

  it('to safetensors split where they are told to, with an index', async () => {
    const { names } = await exported('2.13', 'mlp.pt', {
      format: 'safetensors',
      target: 'mlp.safetensors',
      shardBytes: 9_000,
    });
    assert.deepEqual(names, [
      'mlp-00001-of-00002.safetensors',
      'mlp-00002-of-00002.safetensors',
      'mlp.safetensors.index.json',
    ]);
  });

  it('refuse a model that is quantized already', async () => {
    await assert.rejects(exported('2.13', 'mlp.fbgemm.quantized.pt', { spec: spec('fbgemm') }), {
      code: 'E_EXPORT_QUANTIZED',
    });
  });

  it('come with the lines that load them', async () => {
    const { load } = await exported('2.13', 'recipe_lstm.pt', { target: 'int8.pt', spec: spec('qnnpack') });
    assert.match(load, /engine = "qnnpack"/);
    assert.match(load, /torch\.load\("int8\.pt"/);
  });
});
