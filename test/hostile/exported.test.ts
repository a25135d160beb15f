import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { openBytes, readFixture } from '../support/fixtures';
import { codesOf, rejection, tensorRejection } from '../support/hostile';
import { global, pickle, proto2, reduce, text, torchFile } from '../support/pickleBuilder';
import { buildZip, type EntrySpec, utf8 } from '../support/zipBuilder';

const meta = {
  dtype: 7,
  sizes: [{ as_int: 2 }, { as_int: 2 }],
  strides: [{ as_int: 2 }, { as_int: 1 }],
  storage_offset: { as_int: 0 },
};

/** An exported program of one weight; `change` goes into its description. */
function exported(change: object = {}, tensorMeta: object = {}, extra: readonly EntrySpec[] = []): Uint8Array {
  const weight = {
    path_name: 'weight_0',
    is_param: true,
    use_pickle: false,
    tensor_meta: { ...meta, ...tensorMeta },
    ...change,
  };
  return buildZip([
    { name: 'm/data/weights/weight_0', data: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) },
    {
      name: 'm/data/weights/model_weights_config.json',
      data: utf8(JSON.stringify({ config: { 'layer.weight': weight } })),
    },
    { name: 'm/models/model.json', data: utf8('{}') },
    { name: 'm/archive_format', data: utf8('pt2') },
    ...extra,
  ]);
}

describe('programs of torch.export', () => {
  it('have the weights that the state dict of the model has', async () => {
    const program = await openBytes(await readFixture('exported', 'mlp.pt2'), 'mlp.pt2');
    const state = await openBytes(await readFixture('exported', 'mlp.pt'));
    assert.deepEqual([program.format, program.safety.verdict, codesOf(program)], ['torch-export', 'safe', []]);
    assert.deepEqual(program.tensors.map(({ name }) => name).sort(), state.tensors.map(({ name }) => name).sort());
    for (const { name, tensor } of state.tensors) {
      const own = program.tensors.find((one) => one.name === name)?.tensor;
      assert.deepEqual([own?.dtype, own?.shape], [tensor.dtype, tensor.shape], name);
      const [a, b] = [
        own && (await program.readTensor(own, neverAborted)),
        await state.readTensor(tensor, neverAborted),
      ];
      assert.deepEqual(a, b, name);
    }
    assert.deepEqual((await program.verify?.(neverAborted, noProgress))?.problems, []);
  });

  it('are read by range', async () => {
    const file = await openBytes(exported());
    const bytes = await file.readRange?.(file.tensors[0].tensor, 1, 2, neverAborted);
    assert.deepEqual(bytes && [...new Float32Array(bytes.slice().buffer)], [2, 3]);
  });

  const refused: readonly [what: string, bytes: Uint8Array, code: string][] = [
    ['its record is missing', exported({ path_name: '../../etc/passwd' }), 'E_PT_STORAGE_MISSING'],
    ['it is a pickle', exported({ use_pickle: true }), 'E_PT_EXPORT_PICKLE'],
    ['its element type is 99', exported({}, { dtype: 99 }), 'E_PT_DTYPE'],
    ['it is larger than its record', exported({}, { sizes: [{ as_int: 3 }, { as_int: 2 }] }), 'E_TENSOR_OOB'],
    ['its offset is 2^53', exported({}, { storage_offset: { as_int: 2 ** 53 } }), 'E_PT_ARGUMENT'],
    ['its size is negative', exported({}, { sizes: [{ as_int: -1 }, { as_int: 2 }] }), 'E_PT_ARGUMENT'],
    ['its size is a symbol', exported({}, { sizes: [{ as_expr: 's0' }, { as_int: 2 }] }), 'E_PT_ARGUMENT'],
    ['it has strides of another rank', exported({}, { strides: [{ as_int: 1 }] }), 'E_TENSOR_OOB'],
  ];
  for (const [what, bytes, code] of refused) {
    it(`are shown with ${code} when a weight cannot be read: ${what}`, async () => {
      const file = await openBytes(bytes);
      const details = await tensorRejection(file, 'layer.weight');
      assert.deepEqual([details.code, details.where?.offset, codesOf(file)], [code, 0, [code]]);
    });
  }

  it('are refused when their description is no JSON, with the place', async () => {
    const broken = { name: 'm/data/constants/model_constants_config.json', data: utf8('{"config": {oops') };
    const { code, where } = await rejection(exported({}, {}, [broken]));
    assert.deepEqual([code, where?.offset], ['E_PT_EXPORT_JSON', 12]);
  });

  it('are judged by the pickle of their sample inputs', async () => {
    const evil = torchFile(pickle(proto2, reduce(global('posix', 'system'), text('true')), '.'));
    const file = await openBytes(exported({}, {}, [{ name: 'm/data/sample_inputs/model.pt', data: evil }]));
    assert.equal(file.safety.verdict, 'dangerous');
  });

  it('J-06: say that they carry native code', async () => {
    const library = { name: 'm/data/aotinductor/model/model.so', data: utf8('ELF') };
    assert.deepEqual(codesOf(await openBytes(exported({}, {}, [library]))), ['E_PT_NATIVE_CODE']);
  });
});
