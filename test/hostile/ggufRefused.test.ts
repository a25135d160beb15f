import assert from 'node:assert/strict';
import {
  align,
  arrayKv,
  type Bytes,
  ggufFile,
  ggufTypes,
  kv,
  nestedArrays,
  repeated,
  str,
  stringKv,
  tensorEntry,
  u64,
  uintKv,
} from '../support/ggufBuilder';
import { rejection } from '../support/hostile';
import { concat, le } from '../support/zipBuilder';

const { array, int32, string, uint8 } = ggufTypes;

/** Bytes of the header before the first key. */
const headBytes = 24;

/** The key of an entry and its type. */
const keyBytes = (key: string) => 8 + key.length + 4;

interface Rejected {
  readonly id: string;
  readonly name: string;
  readonly bytes: () => Bytes;
  readonly code: string;
  readonly offset: number;
}

const one = uintKv('k', 1);

const rejected: readonly Rejected[] = [
  // What llama.cpp's tests/test-gguf.cpp writes by hand and llama.cpp refuses.
  { id: 'G-02', name: 'version 0', bytes: () => ggufFile({ version: 0 }), code: 'E_GGUF_VERSION', offset: 4 },
  { id: 'G-03', name: 'version 1', bytes: () => ggufFile({ version: 1 }), code: 'E_GGUF_VERSION', offset: 4 },
  { id: 'G-04', name: 'version 4', bytes: () => ggufFile({ version: 4 }), code: 'E_GGUF_VERSION', offset: 4 },
  { id: 'G-05', name: '-1 tensors', bytes: () => ggufFile({ tensorCount: -1 }), code: 'E_GGUF_COUNT', offset: 8 },
  { id: 'G-06', name: '-1 keys', bytes: () => ggufFile({ kvCount: -1 }), code: 'E_GGUF_COUNT', offset: 16 },
  {
    id: 'G-08',
    name: 'a key of 2^64 - 1 bytes',
    bytes: () => ggufFile({ kvs: [concat(str('k', -1), le(4, uint8), le(1, 0))] }),
    code: 'E_GGUF_STRING',
    offset: headBytes,
  },
  {
    id: 'G-09',
    name: 'an empty key',
    bytes: () => ggufFile({ kvs: [uintKv('', 1)] }),
    code: 'E_GGUF_KEY',
    offset: headBytes,
  },
  {
    id: 'G-10',
    name: 'a value of type 13',
    bytes: () => ggufFile({ kvs: [kv('k', 13, le(4, 0))] }),
    code: 'E_GGUF_TYPE',
    offset: headBytes + 9,
  },
  {
    id: 'G-11',
    name: 'a key twice',
    bytes: () => ggufFile({ kvs: [one, one] }),
    code: 'E_GGUF_DUPLICATE',
    offset: headBytes + one.length,
  },
  {
    id: 'G-12',
    name: 'an alignment of 13',
    bytes: () => ggufFile({ kvs: [align(13)] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-13',
    name: 'an alignment as int32',
    bytes: () => ggufFile({ kvs: [kv('general.alignment', int32, le(4, 32))] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-24',
    name: 'an alignment of 13 before a table of tensors',
    bytes: () => ggufFile({ kvs: [align(13)], tensors: [tensorEntry()] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-29',
    name: 'an alignment of 13 before tensors and their data',
    bytes: () => ggufFile({ kvs: [align(13)], tensors: [tensorEntry()], alignment: 13, data: new Uint8Array(64) }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'ID-14',
    name: 'a version in big-endian order before numbers that are not',
    bytes: () => ggufFile({ version: 0x03000000, tensors: [tensorEntry()] }),
    code: 'E_GGUF_COUNT',
    offset: 8,
  },
  {
    id: 'G-16',
    name: 'five dimensions',
    bytes: () => ggufFile({ tensors: [tensorEntry({ dims: [1, 1, 1, 1, 1] })] }),
    code: 'E_GGUF_RANK',
    offset: headBytes + 9,
  },
  {
    id: 'G-23',
    name: 'two tensors of one name',
    bytes: () => ggufFile({ tensors: [tensorEntry(), tensorEntry({ offset: 32 })] }),
    code: 'E_GGUF_DUPLICATE',
    offset: headBytes + tensorEntry().length,
  },
  // And what else must not be believed.
  {
    id: 'G-34',
    name: 'arrays in arrays, five deep',
    bytes: () => ggufFile({ kvs: [nestedArrays(5)] }),
    code: 'E_GGUF_DEPTH',
    offset: headBytes + 9 + 12 * 5 - 8,
  },
  {
    id: 'G-34',
    name: 'arrays in arrays, 100,000 deep',
    bytes: () => ggufFile({ kvs: [nestedArrays(100_000)] }),
    code: 'E_GGUF_DEPTH',
    offset: headBytes + 9 + 12 * 5 - 8,
  },
  {
    id: 'G-34',
    name: 'an array of type 99',
    bytes: () => ggufFile({ kvs: [arrayKv('k', 99, 2n ** 60n, new Uint8Array(64))] }),
    code: 'E_GGUF_TYPE',
    offset: headBytes + keyBytes('k'),
  },
  {
    id: 'G-34',
    name: '2^60 arrays',
    bytes: () => ggufFile({ kvs: [arrayKv('k', array, 2n ** 60n, new Uint8Array(64))] }),
    code: 'E_GGUF_ARRAY',
    offset: headBytes + keyBytes('k') + 4,
  },
  {
    id: 'G-35',
    name: 'a string of 2^63 bytes',
    bytes: () => ggufFile({ kvs: [kv('k', string, str('x', 2n ** 63n))] }),
    code: 'E_GGUF_STRING',
    offset: headBytes + keyBytes('k'),
  },
  {
    id: 'G-35',
    name: 'a string of 1 GiB - 1 in a file of 160 bytes',
    bytes: () => ggufFile({ kvs: [kv('k', string, str('x', 2 ** 30 - 1))], data: new Uint8Array(96) }),
    code: 'E_GGUF_STRING',
    offset: headBytes + keyBytes('k'),
  },
  {
    id: 'G-35',
    name: 'an array of 2^30 bytes',
    bytes: () => ggufFile({ kvs: [arrayKv('k', uint8, 2 ** 30, new Uint8Array(64))] }),
    code: 'E_GGUF_ARRAY',
    offset: headBytes + keyBytes('k') + 4,
  },
  {
    id: 'G-35',
    name: 'an array of 2^30 strings',
    bytes: () => ggufFile({ kvs: [arrayKv('k', string, 2 ** 30, str('x'))] }),
    code: 'E_GGUF_ARRAY',
    offset: headBytes + keyBytes('k') + 4,
  },
  {
    id: 'G-35',
    name: 'a string in an array that is longer than the file',
    bytes: () => ggufFile({ kvs: [arrayKv('k', string, 20, concat(repeated(str('x'), 19), str('x', 2 ** 40)))] }),
    code: 'E_GGUF_STRING',
    offset: headBytes + keyBytes('k') + 12 + 19 * 9,
  },
  {
    id: 'G-36',
    name: 'an alignment of 0',
    bytes: () => ggufFile({ kvs: [align(0)] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-36',
    name: 'an alignment of 3',
    bytes: () => ggufFile({ kvs: [align(3)] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-36',
    name: 'an alignment of 2 MiB',
    bytes: () => ggufFile({ kvs: [align(2 ** 21)] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-36',
    name: 'an alignment of 2^31',
    bytes: () => ggufFile({ kvs: [align(2 ** 31)] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-36',
    name: 'an alignment of 2^63',
    bytes: () => ggufFile({ kvs: [kv('general.alignment', ggufTypes.uint64, u64(2n ** 63n))] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-36',
    name: 'an alignment as text',
    bytes: () => ggufFile({ kvs: [stringKv('general.alignment', '32')] }),
    code: 'E_GGUF_ALIGNMENT',
    offset: headBytes,
  },
  {
    id: 'G-44',
    name: '100,000 keys in a file of 64 bytes',
    bytes: () => ggufFile({ kvCount: 100_000, data: new Uint8Array(32) }),
    code: 'E_GGUF_COUNT',
    offset: 16,
  },
  {
    id: 'G-44',
    name: 'a million tensors in a file of 64 bytes',
    bytes: () => ggufFile({ tensorCount: 1_000_000, data: new Uint8Array(32) }),
    code: 'E_GGUF_COUNT',
    offset: 8,
  },
];

describe('GGUF files that cannot be read', () => {
  for (const { id, name, bytes, code, offset } of rejected) {
    it(`${id}: ${name} is ${code} at byte ${offset}`, async () => {
      const details = await rejection(bytes(), 'model.gguf');
      assert.deepEqual([details.code, details.where?.offset], [code, offset]);
      assert.ok(details.found !== undefined && details.expected !== undefined);
    });
  }

  it('G-01: another magic is no GGUF, and says what was expected', async () => {
    const details = await rejection(ggufFile({ magic: 'FUGG' }), 'model.gguf');
    assert.deepEqual([details.code, details.where?.offset], ['E_UNKNOWN_FORMAT', 0]);
    assert.match(details.expected ?? '', /GGUF \(47 47 55 46\)/);
  });

  it('a file that ends in its header says where, at every byte', async () => {
    const whole = ggufFile({
      kvs: [one, stringKv('s', 'text'), arrayKv('a', uint8, 3, le(3, 0))],
      tensors: [tensorEntry()],
    });
    const header =
      headBytes +
      one.length +
      stringKv('s', 'text').length +
      arrayKv('a', uint8, 3, le(3, 0)).length +
      tensorEntry().length;
    for (let length = 4; length < header; length++) {
      const { code, where } = await rejection(whole.subarray(0, length), 'model.gguf');
      assert.match(code, /^E_GGUF_(TRUNCATED|COUNT|STRING|ARRAY)$/, `${length} bytes`);
      assert.ok(
        (where?.offset ?? -1) >= 0 && (where?.offset ?? 0) <= length,
        `${length} bytes: offset ${where?.offset}`,
      );
    }
  });
});
