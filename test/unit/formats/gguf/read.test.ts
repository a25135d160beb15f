import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { neverAborted } from '../../../../src/core/abort';
import { type ByteSource, bytesSource } from '../../../../src/core/byteSource';
import { numel } from '../../../../src/core/shape';
import { openFile } from '../../../../src/formats/registry';
import type { ModelFile } from '../../../../src/formats/types';
import { inspect } from '../../../../src/model/describeModel';
import { openModel } from '../../../../src/model/openModel';
import { fixturePath, openBytes, readFixture } from '../../../support/fixtures';
import {
  arrayKv,
  eightFloats,
  ggufFile,
  ggufTypes,
  repeated,
  str,
  stringKv,
  tensorEntry,
  uintKv,
} from '../../../support/ggufBuilder';
import { memoryFolder } from '../../../support/memoryFolder';

interface ExpectedTensor {
  readonly shape: readonly number[];
  readonly sha256: string;
  readonly first: readonly number[];
}

const expected: Readonly<Record<'little' | 'big', Readonly<Record<string, ExpectedTensor>>>> = JSON.parse(
  readFileSync(fixturePath('gguf', 'expected.json'), 'utf8'),
);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const openFixture = async (name: string) => openBytes(await readFixture('gguf', `${name}.gguf`), `${name}.gguf`);

function tensorOf(file: ModelFile, name: string) {
  const found = file.tensors.find((tensor) => tensor.name === name);
  assert.ok(found, `${name} is listed`);
  return found.tensor;
}

describe('values', () => {
  for (const fixture of ['little', 'big']) {
    it(`of a run of elements are those of the whole, across blocks and within one: ${fixture}.gguf`, async () => {
      const file = await openFixture(fixture);
      for (const { name, tensor } of file.tensors) {
        const whole = await file.readTensor(tensor, neverAborted);
        const count = numel(tensor.shape);
        const width = whole.length / count;
        for (const [start, end] of [
          [0, count],
          [0, 1],
          [Math.min(31, count), Math.min(33, count)],
          [Math.floor(count / 2), count],
          [count, count],
        ]) {
          const run = await file.readRange?.(tensor, start, end - start, neverAborted);
          assert.deepEqual(run, whole.subarray(start * width, end * width), `${name} ${start} … ${end}`);
        }
      }
    });
  }

  const files = [
    ['little', 'little'],
    ['big', 'big'],
    ['version2', 'little'],
  ] as const;
  for (const [fixture, of] of files)
    for (const [name, { shape, sha256: hash, first }] of Object.entries(expected[of])) {
      it(`are gguf-py's to the last bit: ${name} of ${fixture}.gguf`, async () => {
        const file = await openFixture(fixture);
        const record = tensorOf(file, name);
        assert.deepEqual(record.shape, shape);
        const bytes = await file.readTensor(record, neverAborted);
        if (record.dtype === 'float32') assert.deepEqual([...new Float32Array(bytes.slice(0, 16).buffer)], first);
        assert.equal(sha256(bytes), hash);
      });
    }

  it('cover every encoding that is decoded', () => {
    const names = Object.keys(expected.little).filter((name) => name.startsWith('blk'));
    assert.equal(names.length, 11);
  });

  it('of a part of a tensor are those of the whole, read by the blocks that hold them', async () => {
    const bytes = await readFixture('gguf', 'little.gguf');
    const reads: number[] = [];
    const source: ByteSource = {
      ...bytesSource(bytes, 'little.gguf'),
      async read(offset, length) {
        reads.push(length);
        return bytes.subarray(offset, offset + length);
      },
    };
    const file = await openFile(source, neverAborted);
    for (const [name, blockSize, blockBytes] of [
      ['blk.0.q4_k.weight', 256, 144],
      ['blk.0.q8_0.weight', 32, 34],
    ] as const) {
      const record = tensorOf(file, name);
      const whole = await file.readTensor(record, neverAborted);
      for (const [offset, count] of [
        [0, 8],
        [blockSize - 1, 2],
        [blockSize, blockSize],
      ]) {
        reads.length = 0;
        const part = await file.readTensor(
          { ...record, shape: [count], strides: [1], storageOffset: offset },
          neverAborted,
        );
        assert.deepEqual(part, whole.slice(offset * 4, (offset + count) * 4));
        const blocks = Math.ceil((offset + count) / blockSize) - Math.floor(offset / blockSize);
        assert.deepEqual(reads, [blocks * blockBytes]);
      }
    }
  });

  it('say how the file stores them', async () => {
    const model = await openModel(bytesSource(await readFixture('gguf', 'little.gguf'), 'little.gguf'), neverAborted);
    const { tensors } = await inspect(model, neverAborted);
    const found = tensors.find(({ name }) => name === 'blk.0.q4_k.weight');
    assert.deepEqual([found?.dtype, found?.encoding, found?.bytes], ['float32', 'Q4_K', 576]);
  });
});

describe('metadata', () => {
  it('has scalars as they are, long arrays by type and length, and the byte order (ID-14)', async () => {
    const { metadata, label } = await openFixture('little');
    assert.equal(label, 'GGUF model, llama');
    assert.equal(metadata.GGUF, 'version 3, little endian, aligned to 32 bytes');
    assert.equal((await openFixture('big')).metadata.GGUF, 'version 3, big endian, aligned to 32 bytes');
    assert.deepEqual(
      [
        'llama.block_count',
        'test.uint64',
        'test.int8',
        'test.float32',
        'test.float64',
        'test.bool',
        'general.name',
        'test.short',
        'test.texts',
        'tokenizer.ggml.tokens',
        'tokenizer.ggml.scores',
      ].map((key) => metadata[key]),
      [
        '1',
        '9223372036854775809',
        '-3',
        '0.5',
        '0.1',
        'true',
        'fixture',
        '[1, 2, 3]',
        '["a", "b\\"c"]',
        '[100 × string]',
        '[100 × float32]',
      ],
    );
    const { GGUF: _, ...values } = metadata;
    const { GGUF: __, ...bigValues } = (await openFixture('big')).metadata;
    assert.deepEqual(bigValues, values, 'the other byte order says the same');
  });

  it('of 150,000 tokens is stepped over in a few reads', async () => {
    const tokens = repeated(str('token'), 150_000);
    const bytes = ggufFile({
      kvs: [
        stringKv('general.architecture', 'llama'),
        arrayKv('tokenizer.ggml.tokens', ggufTypes.string, 150_000, tokens),
      ],
      tensors: [tensorEntry()],
      data: eightFloats,
    });
    let reads = 0;
    const source: ByteSource = {
      ...bytesSource(bytes, 'tokens.gguf'),
      async read(offset, length) {
        reads++;
        return bytes.subarray(offset, offset + length);
      },
    };
    const { metadata } = await openFile(source, neverAborted);
    assert.equal(metadata['tokenizer.ggml.tokens'], '[150000 × string]');
    assert.ok(reads < 15, `${reads} reads`);
  });
});

describe('a split model', () => {
  const part = (index: number, count: number, name: string) =>
    ggufFile({
      kvs: [uintKv('split.no', index), uintKv('split.count', count)],
      tensors: [tensorEntry({ name })],
      data: eightFloats,
    });
  const files = {
    'm-00001-of-00003.gguf': part(0, 3, 'a'),
    'm-00002-of-00003.gguf': part(1, 3, 'b'),
    'm-00003-of-00003.gguf': part(2, 3, 'c'),
  };

  it('is opened with all of its parts from the first one', async () => {
    const source = memoryFolder(files, 'm-00001-of-00003.gguf');
    const file = await openFile(source, neverAborted);
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual([file.label, file.warnings], ['GGUF model, part 1 of 3', []]);
    for (const { tensor } of file.tensors) assert.deepEqual(await file.readTensor(tensor, neverAborted), eightFloats);
    assert.equal(file.bytes, 3 * part(0, 3, 'a').length);
  });

  it('says of a later part which one it is', async () => {
    const asked: string[] = [];
    const file = await openFile(memoryFolder(files, 'm-00002-of-00003.gguf', asked), neverAborted);
    assert.match(file.warnings[0].message, /This is part 2 of 3/);
    assert.deepEqual(asked, []);
  });
});
