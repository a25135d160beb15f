import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { neverAborted } from '../../../../src/core/abort';
import { openFile } from '../../../../src/formats/registry';
import type { ModelFile } from '../../../../src/formats/types';
import {
  type ExpectedTensor,
  expectedOf,
  type FixtureVersion,
  openBytes,
  readFixture,
} from '../../../support/fixtures';
import {
  dict,
  global,
  int,
  ints,
  type Piece,
  pickle,
  proto2,
  reduce,
  storage,
  type TensorSpec,
  tensor,
  text,
  torchRecords,
  tuple,
} from '../../../support/pickleBuilder';
import { buildZip, type EntrySpec, utf8 } from '../../../support/zipBuilder';

const versions: readonly FixtureVersion[] = ['1.13', '2.13'];
const models = ['recipe_lstm', 'word_lm', 'mlp', 'gru_tagger'];

describe('reading what PyTorch wrote', () => {
  for (const version of versions) {
    for (const model of models) {
      it(`finds every tensor of torch ${version} ${model}.pt with its shape, dtype and bytes`, async () => {
        const file = await openBytes(await readFixture(`torch-${version}`, `${model}.pt`));
        const { tensors } = expectedOf(version, model);
        assert.deepEqual(
          file.tensors.map(({ name }) => name),
          Object.keys(tensors),
        );
        for (const [name, expected] of Object.entries(tensors)) await assertTensor(file, name, expected);
        assert.equal(file.label, 'PyTorch state dict');
        assert.equal(file.torchStyle, version === '2.13' ? '2' : '1.13');
        assert.equal(file.safety.verdict, 'safe');
        assert.deepEqual(file.warnings, []);
      });
    }
  }

  it('finds the model inside a training checkpoint, and the optimizer beside it', async () => {
    const file = await openBytes(await readFixture('torch-2.13', 'word_lm.ckpt'));
    const expected = Object.entries(expectedOf('2.13', 'word_lm').tensors_checkpoint ?? {});
    assert.equal(expected.length, 11);
    for (const [name, tensor] of expected) await assertTensor(file, `model_state_dict.${name}`, tensor);
    assert.equal(file.label, 'PyTorch checkpoint');
    assert.equal(file.tensors.filter(({ name }) => name.startsWith('optimizer_state_dict.')).length, 33);
    assert.equal(file.safety.verdict, 'safe');
  });

  it('reads bfloat16 as the upper half of float32', async () => {
    for (const version of versions) {
      const half = await openBytes(await readFixture(`torch-${version}`, 'mlp.bf16.pt'));
      const full = await openBytes(await readFixture(`torch-${version}`, 'mlp.pt'));
      for (const [i, { name, tensor }] of half.tensors.entries()) {
        assert.equal(tensor.dtype, 'bfloat16', name);
        const short = new Uint16Array(aligned(await half.readTensor(tensor, neverAborted)));
        const long = new Float32Array(aligned(await full.readTensor(full.tensors[i].tensor, neverAborted)));
        const widened = new Float32Array(Uint32Array.from(short, (bits) => bits << 16).buffer);
        assert.equal(widened.length, long.length);
        // Rounding to 8 significant bits is off by at most 2^-9 of the value.
        for (const [j, value] of long.entries()) assert.ok(Math.abs(widened[j] - value) <= Math.abs(value) / 256, name);
      }
    }
  });

  it('reads the int8 weights of quantized models with their scales', async () => {
    for (const [version, engine] of [
      ['1.13', 'onednn'],
      ['1.13', 'qnnpack'],
      ['2.13', 'fbgemm'],
      ['2.13', 'onednn'],
      ['2.13', 'qnnpack'],
    ] as const) {
      for (const model of ['recipe_lstm', 'mlp']) {
        const file = await openBytes(await readFixture(`torch-${version}`, `${model}.${engine}.quantized.pt`));
        const quantized = file.tensors.filter(({ tensor }) => tensor.quantization !== undefined);
        const expected = Object.values(expectedOf(version, model).quantized[engine].weights);
        assert.equal(quantized.length, expected.length, `${version} ${model} ${engine}`);
        for (const [i, { tensor }] of quantized.entries()) {
          assert.equal(tensor.dtype, 'qint8');
          assert.equal(sha256(await file.readTensor(tensor, neverAborted)), expected[i].int_repr_sha256);
          assert.deepEqual(tensor.quantization, {
            scheme: 'per_tensor',
            scale: expected[i].scale,
            zeroPoint: expected[i].zero_point,
          });
        }
        assert.equal(file.safety.verdict, 'safe');
      }
    }
  });

  it('opens a file without reading its storages', async () => {
    const bytes = await readFixture('torch-2.13', 'word_lm.ckpt');
    let read = 0;
    await openFile(
      {
        name: 'word_lm.ckpt',
        size: bytes.length,
        async read(offset, length) {
          read += length;
          return bytes.subarray(offset, offset + length);
        },
      },
      neverAborted,
    );
    assert.ok(read < bytes.length / 5, `${read} of ${bytes.length} bytes were read`);
  });
});

interface ViewCase {
  readonly name: string;
  readonly spec: TensorSpec;
  readonly values: readonly number[];
}

const views: readonly ViewCase[] = [
  { name: 'a contiguous tensor', spec: {}, values: [1, 2, 3, 4] },
  { name: 'a transposed view', spec: { stride: ints(1, 2) }, values: [1, 3, 2, 4] },
  { name: 'a view from an offset', spec: { offset: int(1), size: ints(3), stride: ints(1) }, values: [2, 3, 4] },
  { name: 'every other element', spec: { size: ints(2), stride: ints(2) }, values: [1, 3] },
  { name: 'a column', spec: { offset: int(1), size: ints(2, 1), stride: ints(2, 1) }, values: [2, 4] },
  { name: 'an expanded scalar', spec: { offset: int(3), size: ints(2, 2), stride: ints(0, 0) }, values: [4, 4, 4, 4] },
  {
    name: 'overlapping windows',
    spec: { size: ints(3, 2), stride: ints(1, 1) },
    values: [1, 2, 2, 3, 3, 4],
  },
  { name: 'a scalar', spec: { offset: int(2), size: ')', stride: ')' }, values: [3] },
  { name: 'an empty tensor', spec: { size: ints(0, 3), stride: ints(3, 1) }, values: [] },
  {
    name: 'a size of 1 with a stride that means nothing',
    spec: { size: ints(1, 4), stride: ints(7, 1) },
    values: [1, 2, 3, 4],
  },
  {
    name: 'three dimensions out of order',
    spec: { size: ints(2, 1, 2), stride: ints(1, 4, 2) },
    values: [1, 3, 2, 4],
  },
];

describe('views of a storage', () => {
  for (const { name, spec, values } of views) {
    it(`reads ${name}`, async () => assert.deepEqual(await floatsOf(tensor(spec)), values));
  }

  it('reads a view of a compressed storage', async () => {
    const [data, storageRecord, version] = torchRecords(
      pickle(proto2, dict([['w', tensor({ offset: int(2), size: ints(2), stride: ints(1) })]]), '.'),
    );
    const file = await openBytes(buildZip([data, { ...storageRecord, deflate: true }, version]));
    assert.deepEqual(floats(await file.readTensor(file.tensors[0].tensor, neverAborted)), [3, 4]);
  });

  it('lists two tensors that share a storage under both names', async () => {
    const root = dict([
      ['tied', tensor()],
      ['weight', tensor({ offset: int(2), size: ints(2), stride: ints(1) })],
    ]);
    const file = await openBytes(buildZip(torchRecords(pickle(proto2, root, '.'))));
    assert.deepEqual(
      file.tensors.map(({ name, tensor }) => [name, tensor.storage.entry]),
      [
        ['tied', 'model/data/0'],
        ['weight', 'model/data/0'],
      ],
    );
    assert.deepEqual(floats(await file.readTensor(file.tensors[1].tensor, neverAborted)), [3, 4]);
  });

  it('unwraps parameters and keeps that they want a gradient', async () => {
    const parameter = reduce(global('torch._utils', '_rebuild_parameter'), tensor(), 0x88, '}');
    const file = await openBytes(buildZip(torchRecords(pickle(proto2, dict([['w', parameter]]), '.'))));
    assert.equal(file.tensors[0].tensor.requiresGrad, true);
    assert.deepEqual(file.tensors[0].tensor.shape, [2, 2]);
  });

  it('reads untyped storages with the dtype of _rebuild_tensor_v3', async () => {
    const untyped = storage({ type: global('torch.storage', 'UntypedStorage'), numel: 16 });
    const v3 = reduce(
      global('torch._utils', '_rebuild_tensor_v3'),
      untyped,
      int(1),
      ints(3),
      ints(1),
      0x89,
      '}',
      global('torch', 'float32'),
    );
    assert.deepEqual(await floatsOf(v3), [2, 3, 4]);
  });

  it('keeps scales and zero points of channels as tensors of their own', async () => {
    const vector = (type: string, key: string) =>
      tensor({ type: global('torch', type), key, numel: 2, size: ints(2), stride: ints(1) });
    const qtensor = reduce(
      global('torch._utils', '_rebuild_qtensor'),
      storage({ type: global('torch', 'QInt8Storage') }),
      int(0),
      ints(2, 2),
      ints(2, 1),
      tuple(global('torch', 'per_channel_affine'), vector('DoubleStorage', '1'), vector('LongStorage', '2'), int(0)),
      0x89,
      '}',
    );
    const extra: EntrySpec[] = [
      { name: 'model/data/1', data: new Uint8Array(Float64Array.of(0.5, 0.25).buffer) },
      { name: 'model/data/2', data: new Uint8Array(16) },
    ];
    const file = await openBytes(buildZip([...torchRecords(pickle(proto2, dict([['w', qtensor]]), '.')), ...extra]));
    const { quantization } = file.tensors[0].tensor;
    assert.ok(quantization?.scheme === 'per_channel' && 'storage' in quantization.scales);
    assert.equal(quantization.axis, 0);
    const scales = await file.readTensor(quantization.scales, neverAborted);
    assert.deepEqual([...new Float64Array(aligned(scales))], [0.5, 0.25]);
  });
});

describe('byte order', () => {
  const cases = [
    { type: 'FloatStorage', little: [4, 3, 2, 1, 8, 7, 6, 5], big: [1, 2, 3, 4, 5, 6, 7, 8], numel: 2 },
    { type: 'DoubleStorage', little: [8, 7, 6, 5, 4, 3, 2, 1], big: [1, 2, 3, 4, 5, 6, 7, 8], numel: 1 },
    { type: 'BFloat16Storage', little: [2, 1, 4, 3], big: [1, 2, 3, 4], numel: 2 },
    { type: 'ComplexFloatStorage', little: [4, 3, 2, 1, 8, 7, 6, 5], big: [1, 2, 3, 4, 5, 6, 7, 8], numel: 1 },
    { type: 'CharStorage', little: [1, 2, 3], big: [1, 2, 3], numel: 3 },
  ];
  for (const { type, little, big, numel } of cases) {
    it(`turns big-endian ${type} around`, async () => {
      const spec = { type: global('torch', type), numel, size: ints(numel), stride: ints(1) };
      const [data, , version] = torchRecords(pickle(proto2, dict([['w', tensor(spec)]]), '.'));
      const file = await openBytes(
        buildZip([
          data,
          { name: 'model/byteorder', data: utf8('big') },
          { name: 'model/data/0', data: Uint8Array.from(big) },
          version,
        ]),
      );
      assert.deepEqual([...(await file.readTensor(file.tensors[0].tensor, neverAborted))], little);
    });
  }
});

describe('what else a checkpoint holds', () => {
  it('shows plain values of the top levels as metadata, under any name', async () => {
    const root = dict([
      ['epoch', int(7)],
      ['__proto__', text('x')],
      ['w', tensor()],
    ]);
    const file = await openBytes(buildZip(torchRecords(pickle(proto2, root, '.'))));
    assert.deepEqual(Object.entries(file.metadata), [
      ['epoch', '7'],
      ['__proto__', 'x'],
    ]);
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });

  it('walks a whole saved module by its parameters, buffers and modules', async () => {
    const module = (name: string, state: Piece): Piece => [
      global('torch.nn.modules.linear', name),
      ')',
      0x81,
      state,
      'b',
    ];
    const part = (key: string, value: Piece): [string, Piece] => [key, value];
    const child = module(
      'Linear',
      dict([part('_parameters', dict([['weight', tensor()]])), part('_buffers', '}'), part('_modules', '}')]),
    );
    const root = module(
      'Block',
      dict([part('_parameters', '}'), part('_buffers', '}'), part('_modules', dict([['fc', child]]))]),
    );
    const file = await openBytes(buildZip(torchRecords(pickle(proto2, root, '.'))));
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['fc.weight'],
    );
    assert.deepEqual(
      [...file.moduleTypes],
      [
        ['', 'Block'],
        ['fc', 'Linear'],
      ],
    );
    assert.equal(file.label, 'PyTorch module');
  });
});

async function assertTensor(
  file: ModelFile,
  name: string,
  { shape, dtype, sha256: hash }: ExpectedTensor,
): Promise<void> {
  const found = file.tensors.find((tensor) => tensor.name === name);
  assert.ok(found, name);
  assert.deepEqual(found.tensor.shape, shape, name);
  assert.equal(found.tensor.dtype, dtype, name);
  assert.equal(sha256(await file.readTensor(found.tensor, neverAborted)), hash, name);
}

async function floatsOf(value: Piece): Promise<number[]> {
  const file = await openBytes(buildZip(torchRecords(pickle(proto2, dict([['w', value]]), '.'))));
  assert.deepEqual(file.warnings, []);
  return floats(await file.readTensor(file.tensors[0].tensor, neverAborted));
}

function floats(bytes: Uint8Array): number[] {
  return [...new Float32Array(aligned(bytes))];
}

/** A copy whose buffer starts where the bytes do. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
