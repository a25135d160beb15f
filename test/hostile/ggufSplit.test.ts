import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { openFile } from '../../src/formats/registry';
import { type Bytes, eightFloats, ggufFile, tensorEntry, uintKv } from '../support/ggufBuilder';
import { codesOf } from '../support/hostile';
import { memoryFolder } from '../support/memoryFolder';

describe('GGUF models in several files', () => {
  const part = (index: number, count: number, name: string) =>
    ggufFile({
      kvs: [uintKv('split.no', index), uintKv('split.count', count)],
      tensors: [tensorEntry({ name })],
      data: eightFloats,
    });
  const cases: readonly [
    what: string,
    name: string,
    bytes: Bytes,
    files: Record<string, Bytes>,
    codes: string[],
    tensors: string[],
  ][] = [
    [
      'a part is missing',
      'm-00001-of-00003.gguf',
      part(0, 3, 'a'),
      { 'm-00002-of-00003.gguf': part(1, 3, 'b') },
      ['E_GGUF_SPLIT_MISSING'],
      ['a', 'b'],
    ],
    [
      'two parts have one tensor',
      'm-00001-of-00002.gguf',
      part(0, 2, 'a'),
      { 'm-00002-of-00002.gguf': part(1, 2, 'a') },
      ['E_GGUF_DUPLICATE'],
      ['a'],
    ],
    [
      'a part is of another model',
      'm-00001-of-00002.gguf',
      part(0, 2, 'a'),
      { 'm-00002-of-00002.gguf': part(1, 5, 'b') },
      ['E_GGUF_SPLIT'],
      ['a'],
    ],
    [
      'a part is damaged',
      'm-00001-of-00002.gguf',
      part(0, 2, 'a'),
      { 'm-00002-of-00002.gguf': part(1, 2, 'b').subarray(0, 40) },
      ['E_GGUF_SPLIT'],
      ['a'],
    ],
    ['the name is another part’s', 'm-00002-of-00002.gguf', part(0, 2, 'a'), {}, ['E_GGUF_SPLIT_NAME'], ['a']],
    ['the name says part 0 of 99999', 'm-00000-of-99999.gguf', part(0, 99_999, 'a'), {}, ['E_GGUF_SPLIT_NAME'], ['a']],
    [
      'the name says what the file does not',
      'm-00001-of-00002.gguf',
      ggufFile({ tensors: [tensorEntry({ name: 'a' })], data: eightFloats }),
      {},
      ['E_GGUF_SPLIT_NAME'],
      ['a'],
    ],
    ['there are 99,999 parts', 'm-00001-of-99999.gguf', part(0, 99_999, 'a'), {}, ['E_GGUF_LIMIT'], ['a']],
    ['the part is beyond the count', 'm-00009-of-00002.gguf', part(8, 2, 'a'), {}, ['E_GGUF_SPLIT'], ['a']],
  ];
  for (const [what, name, bytes, files, codes, tensors] of cases) {
    it(`G-43: ${what}: the rest is shown`, async () => {
      const file = await openFile(memoryFolder({ ...files, [name]: bytes }, name), neverAborted);
      assert.deepEqual(codesOf(file), codes);
      assert.deepEqual(
        file.tensors.map((one) => one.name),
        tensors,
      );
      for (const { tensor } of file.tensors) assert.deepEqual(await file.readTensor(tensor, neverAborted), eightFloats);
    });
  }
});
