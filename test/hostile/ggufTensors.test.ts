import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { openBytes } from '../support/fixtures';
import { align, type Bytes, eightFloats, type GgufSpec, ggufFile, table } from '../support/ggufBuilder';
import { codesOf, tensorRejection } from '../support/hostile';
import { concat } from '../support/zipBuilder';

const open = (bytes: Bytes) => openBytes(bytes, 'model.gguf');

interface Partial {
  readonly id: string;
  readonly name: string;
  readonly spec: GgufSpec;
  /** Codes by tensor, in the order of the table; empty where it is read. */
  readonly tensors: readonly string[];
  readonly found?: string;
}

const huge = 2n ** 63n - 64n;

/** A sound tensor before the one in question. */
const sound = { dims: [8], offset: 0 };

const partial: readonly Partial[] = [
  {
    id: 'G-17',
    name: 'dimensions of -1',
    spec: { tensors: table(sound, { dims: [-1], offset: 32 }) },
    tensors: ['', 'E_GGUF_SHAPE'],
  },
  {
    id: 'G-19',
    name: 'sizes that multiply beyond 2^64',
    spec: { tensors: table(sound, { dims: [2n ** 33n - 4n, 2n ** 33n - 4n], offset: 32 }) },
    tensors: ['', 'E_GGUF_SHAPE'],
  },
  {
    id: 'G-20',
    name: 'more bytes than 2^64',
    spec: { tensors: table(sound, { dims: [2 ** 31, 2 ** 31], type: 27, offset: 32 }) },
    tensors: ['', 'E_GGUF_SHAPE'],
    found: '4611686018427387904 elements',
  },
  {
    id: 'G-21',
    name: 'a type of 42',
    spec: { tensors: table(sound, { type: 42, offset: 32 }) },
    tensors: ['', 'E_GGUF_ENCODING'],
    found: 'type id 42',
  },
  {
    id: 'G-22',
    name: 'an offset of -1',
    spec: { tensors: table(sound, { offset: -1 }) },
    tensors: ['', 'E_GGUF_OFFSET'],
    found: '18446744073709551615',
  },
  {
    id: 'G-25',
    name: 'offsets that follow another alignment',
    spec: { tensors: table({ dims: [1] }, { dims: [1], offset: 4 }) },
    tensors: ['', 'E_GGUF_OFFSET'],
    found: '4',
  },
  {
    id: 'G-28',
    name: 'one byte too few',
    spec: { tensors: table(sound, { offset: 32 }), data: concat(eightFloats, eightFloats.subarray(1)) },
    tensors: ['', 'E_GGUF_TRUNCATED'],
    found: '31 bytes',
  },
  {
    id: 'G-30',
    name: 'data that follow another alignment than the file names',
    spec: { kvs: [align(64)], tensors: table(sound, { offset: 32 }), data: concat(eightFloats, eightFloats) },
    tensors: ['', 'E_GGUF_OFFSET'],
    found: '32',
  },
  {
    id: 'G-31',
    name: 'two tensors that fill memory together',
    spec: { tensors: table({ dims: [huge], type: 24 }, { dims: [huge], type: 24, offset: huge }) },
    tensors: ['E_GGUF_SHAPE', 'E_GGUF_SHAPE'],
  },
  {
    id: 'G-37',
    name: 'overlapping tensors',
    spec: { tensors: table({ dims: [16] }, { offset: 32 }, { offset: 64 }) },
    tensors: ['E_GGUF_OVERLAP', 'E_GGUF_OVERLAP', ''],
  },
  {
    id: 'G-37',
    name: 'the same bytes twice',
    spec: { tensors: table(sound, sound) },
    tensors: ['E_GGUF_OVERLAP', 'E_GGUF_OVERLAP'],
  },
  {
    id: 'G-37',
    name: 'a tensor past the end of the file',
    spec: { tensors: table(sound, { offset: 2 ** 40 }) },
    tensors: ['', 'E_GGUF_TRUNCATED'],
    found: '0 bytes',
  },
  {
    id: 'G-38',
    name: 'a product that wraps to 2^42 + 1',
    spec: { tensors: table(sound, { dims: [2n ** 42n + 1n, 2n ** 22n], offset: 32 }) },
    tensors: ['', 'E_GGUF_SHAPE'],
  },
  {
    id: 'G-38',
    name: 'rows of Q4_0 that are no whole blocks',
    spec: { tensors: table(sound, { dims: [33], type: 2, offset: 32 }) },
    tensors: ['', 'E_GGUF_SHAPE'],
    found: 'rows of 33 values',
  },
  {
    id: 'G-38',
    name: 'rows of Q6_K of 128',
    spec: { tensors: table(sound, { dims: [128, 4], type: 14, offset: 32 }) },
    tensors: ['', 'E_GGUF_SHAPE'],
    found: 'rows of 128 values',
  },
  ...[4, 5, 31, 32, 33, 36, 37, 38].map((type) => ({
    id: 'G-39',
    name: `the removed type ${type}`,
    spec: { tensors: table(sound, { dims: [256], type, offset: 32 }) },
    tensors: ['', 'E_GGUF_ENCODING'],
    found: `type id ${type}`,
  })),
  {
    id: 'G-39',
    name: 'IQ2_XXS, which is not decoded',
    spec: { tensors: table(sound, { dims: [256], type: 16, offset: 32 }) },
    tensors: ['', 'E_GGUF_ENCODING'],
    found: 'IQ2_XXS',
  },
];

const enough = concat(eightFloats, new Uint8Array(256));

describe('GGUF tensors that cannot be', () => {
  for (const { id, name, spec, tensors, found } of partial) {
    it(`${id}: ${name}: the others are read`, async () => {
      const file = await open(ggufFile({ data: enough, ...spec }));
      assert.equal(file.tensors.length, tensors.length);
      for (const [i, code] of tensors.entries()) {
        const { name: tensor, tensor: record } = file.tensors[i];
        if (code === '') {
          await file.readTensor(record, neverAborted);
          continue;
        }
        const details = await tensorRejection(file, tensor);
        assert.equal(details.code, code);
        assert.ok(details.where?.offset !== undefined);
        assert.ok(codesOf(file).includes(code));
        if (found !== undefined && i === tensors.length - 1) assert.equal(details.found, found);
      }
    });
  }

  it('G-33: data of an alignment of their own are where it says', async () => {
    const pad = new Uint8Array(32);
    const file = await open(
      ggufFile({
        kvs: [align(64)],
        tensors: table(sound, { offset: 64 }),
        alignment: 64,
        data: concat(pad, pad, eightFloats),
      }),
    );
    const values = [];
    for (const { tensor } of file.tensors) {
      const bytes = await file.readTensor(tensor, neverAborted);
      values.push([...new Float32Array(bytes.slice().buffer)]);
    }
    assert.deepEqual(values, [Array(8).fill(0), [0, 1, 2, 3, 4, 5, 6, 7]]);
    assert.deepEqual(codesOf(file), []);
  });

  it('G-37: data that start past the end of the file leave every tensor unread', async () => {
    const whole = ggufFile({ kvs: [align(2 ** 20)], tensors: table(sound, { offset: 2 ** 20 }) });
    const file = await open(whole);
    for (const { name } of file.tensors) assert.equal((await tensorRejection(file, name)).code, 'E_GGUF_TRUNCATED');
  });

  it('G-37: tensors in another order than their table are read, with a warning', async () => {
    const file = await open(
      ggufFile({ tensors: table({ offset: 32 }, { offset: 0 }), data: concat(new Uint8Array(32), eightFloats) }),
    );
    assert.deepEqual(codesOf(file), ['E_GGUF_ORDER']);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), eightFloats);
  });
});
