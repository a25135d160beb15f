import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import type { PackedData, QuantizedData, TensorData } from '../../../../src/formats/torch/archive';
import {
  planTorchFile,
  type StateDict,
  type StateItem,
  type TorchFileOptions,
} from '../../../../src/formats/torch/write';
import type { ModelFile, NamedTensor } from '../../../../src/formats/types';
import type { PlannedFile } from '../../../../src/formats/zip/write';
import { openBytes, readFixture } from '../../../support/fixtures';
import { concat, unzipStored } from '../../../support/zipBuilder';

type Engine = TorchFileOptions['engine'];

/** A state dict read from a fixture, as the writer takes it. */
type Rebuild = (file: ModelFile) => StateDict;

describe('writing what PyTorch writes', () => {
  const cases: readonly [name: string, rebuild: Rebuild, engine: Engine][] = [
    ['recipe_lstm', floatState, 'fbgemm'],
    ['mlp', floatState, 'fbgemm'],
    ['word_lm', floatState, 'fbgemm'],
    ['gru_tagger', floatState, 'fbgemm'],
    ['recipe_lstm.onednn.quantized', lstmState, 'onednn'],
    ['recipe_lstm.qnnpack.quantized', lstmState, 'qnnpack'],
    ['mlp.onednn.quantized', linearState, 'onednn'],
    ['mlp.qnnpack.quantized', linearState, 'qnnpack'],
  ];
  for (const [name, rebuild, engine] of cases) {
    it(`writes ${name}.pt byte for byte as torch 1.13`, async () => {
      const fixture = await readFixture('torch-1.13', `${name}.pt`);
      const state = rebuild(await openBytes(fixture));
      const planned = planTorchFile(state, { archiveName: name, style: '1.13', engine });
      assert.equal(planned.size, fixture.length);
      assertBytes(await bytesOf(planned), fixture);
    });
  }

  for (const [name, rebuild, engine] of [
    ...cases,
    ['recipe_lstm.fbgemm.quantized', lstmState, 'fbgemm'],
    ['mlp.fbgemm.quantized', linearState, 'fbgemm'],
  ] as const) {
    it(`writes the records of ${name}.pt as torch 2.13, except the serialization id`, async () => {
      const fixture = await readFixture('torch-2.13', `${name}.pt`);
      const state = rebuild(await openBytes(fixture));
      const planned = planTorchFile(state, { archiveName: name, style: '2', engine });
      const written = await bytesOf(planned);
      assert.equal(written.length, fixture.length);
      const sound = (bytes: Uint8Array) =>
        unzipStored(bytes).map(({ name: entry, data }) => [
          entry,
          entry.endsWith('serialization_id') ? data.length : Buffer.from(data).toString('hex'),
        ]);
      assert.deepEqual(sound(written), sound(fixture));
    });
  }

  it('plans the sizes of the recipe without asking for any data', async () => {
    const sizes: readonly [fixture: string, rebuild: Rebuild, engine: Engine, v1: number, v2: number][] = [
      ['recipe_lstm', floatState, 'fbgemm', 3661, 4479],
      ['recipe_lstm.onednn.quantized', lstmState, 'onednn', 2573, 3455],
      ['recipe_lstm.qnnpack.quantized', lstmState, 'qnnpack', 3199, 4017],
    ];
    for (const [fixture, rebuild, engine, v1, v2] of sizes) {
      const state = withoutData(rebuild(await openBytes(await readFixture('torch-1.13', `${fixture}.pt`))));
      assert.equal(planTorchFile(state, { archiveName: 'temp', style: '1.13', engine }).size, v1, fixture);
      assert.equal(planTorchFile(state, { archiveName: 'temp', style: '2', engine }).size, v2, fixture);
    }
  });

  it('reads back what it writes, with one scale a row', async () => {
    const weight: QuantizedData = {
      dtype: 'qint8',
      shape: [2, 3],
      scales: [0.5, 0.25],
      perChannel: true,
      data: async () => Uint8Array.of(1, 2, 3, 253, 254, 255),
    };
    const state: StateDict = {
      items: [{ kind: 'dynamicLinear', path: '', product: { weight, bias: undefined } }],
      versions: [['', 4]],
    };
    const file = await openBytes(
      await bytesOf(planTorchFile(state, { archiveName: 'x', style: '2', engine: 'fbgemm' })),
    );
    assert.deepEqual(file.warnings, []);
    assert.equal(file.safety.verdict, 'safe');
    const found = file.tensors.find(({ tensor }) => tensor.quantization !== undefined);
    const quantization = found?.tensor.quantization;
    assert.ok(found !== undefined && quantization?.scheme === 'per_channel' && 'storage' in quantization.scales);
    const scales = await file.readTensor(quantization.scales, neverAborted);
    assert.deepEqual([...new Float64Array(new Uint8Array(scales).buffer)], [0.5, 0.25]);
    assert.deepEqual([...(await file.readTensor(found.tensor, neverAborted))], [1, 2, 3, 253, 254, 255]);
  });

  it('starts every storage at a multiple of 64, whatever the folder is called', async () => {
    const state = floatState(await openBytes(await readFixture('torch-1.13', 'mlp.pt')));
    for (let length = 1; length <= 70; length++) {
      const planned = planTorchFile(state, { archiveName: 'a'.repeat(length), style: '2', engine: 'fbgemm' });
      const written = await bytesOf(planned);
      assert.equal(written.length, planned.size);
      const first = unzipStored(written).find(({ name }) => name.endsWith('data/0'))?.data as Uint8Array;
      assert.equal(Buffer.from(written).indexOf(first) % 64, 0);
    }
  });

  it('writes more than a thousand entries in batches that read back in order', async () => {
    const items = Array.from(
      { length: 2001 },
      (_, i): StateItem => ({
        kind: 'tensor',
        name: `layer${i}.weight`,
        tensor: { dtype: 'float32', shape: [1], data: async () => new Uint8Array(Float32Array.of(i).buffer) },
      }),
    );
    const planned = planTorchFile({ items, versions: [] }, { archiveName: 'big', style: '1.13', engine: 'fbgemm' });
    const file = await openBytes(await bytesOf(planned));
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      items.map((item) => (item.kind === 'tensor' ? item.name : '')),
    );
    const [last] = new Float32Array(
      new Uint8Array(await file.readTensor(file.tensors[2000].tensor, neverAborted)).buffer,
    );
    assert.equal(last, 2000);
  });
});

function floatState(file: ModelFile): StateDict {
  const items = file.tensors.map(
    (named): StateItem => ({ kind: 'tensor', name: named.name, tensor: dense(file, named) }),
  );
  return { items, versions: [...file.moduleVersions] };
}

function linearState(file: ModelFile): StateDict {
  const items = file.tensors
    .filter(({ tensor }) => tensor.quantization !== undefined)
    .map(({ name }): StateItem => {
      const path = name.slice(0, -'.weight'.length);
      return { kind: 'dynamicLinear', path, product: packed(file, name, `${path}.bias`) };
    });
  return { items, versions: [...file.moduleVersions] };
}

function lstmState(file: ModelFile): StateDict {
  const cell = {
    input: packed(file, 'lstm.weight_ih_l0', 'lstm.bias_ih_l0'),
    hidden: packed(file, 'lstm.weight_hh_l0', 'lstm.bias_hh_l0'),
  };
  return {
    items: [{ kind: 'dynamicRecurrent', path: 'lstm', cells: [cell] }],
    versions: [...file.moduleVersions],
  };
}

function packed(file: ModelFile, weightName: string, biasName: string): PackedData {
  const weight = find(file, weightName);
  const { quantization } = weight.tensor;
  assert.ok(quantization?.scheme === 'per_tensor');
  return {
    weight: { ...dense(file, weight), scales: [quantization.scale], perChannel: false },
    bias: dense(file, find(file, biasName)),
  };
}

function find(file: ModelFile, name: string): NamedTensor {
  const found = file.tensors.find((tensor) => tensor.name === name);
  assert.ok(found, name);
  return found;
}

function dense(file: ModelFile, { tensor }: NamedTensor): TensorData {
  const { dtype, shape } = tensor;
  return { dtype, shape, data: () => file.readTensor(tensor, neverAborted) };
}

/** The same state, whose data must not be asked for. */
function withoutData({ items, versions }: StateDict): StateDict {
  const data = () => assert.fail('planning a size asked for data');
  const product = ({ weight, bias }: PackedData): PackedData => ({
    weight: { ...weight, data },
    bias: bias && { ...bias, data },
  });
  return {
    versions,
    items: items.map((item): StateItem => {
      if (item.kind === 'tensor') return { ...item, tensor: { ...item.tensor, data } };
      if (item.kind === 'quantizedTensor') return { ...item, tensor: { ...item.tensor, data } };
      if (item.kind === 'dynamicLinear') return { ...item, product: product(item.product) };
      if (item.kind === 'table') return { ...item, table: { ...item.table, data } };
      if (item.kind === 'dynamicCell') return { ...item, input: product(item.input), hidden: product(item.hidden) };
      return {
        ...item,
        cells: item.cells.map(({ input, hidden }) => ({ input: product(input), hidden: product(hidden) })),
      };
    }),
  };
}

async function bytesOf(planned: PlannedFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of planned.chunks()) chunks.push(chunk);
  return concat(...chunks);
}

/** Says where two files part instead of printing both. */
function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  assert.equal(at, -1, `the files differ from byte ${at}`);
  assert.equal(actual.length, expected.length);
}
