import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { openFile } from '../../src/formats/registry';
import type { ModelFile } from '../../src/formats/types';
import { openBytes, readFixture } from '../support/fixtures';
import { folderSource } from '../support/folderSource';
import {
  arrayKv,
  type Bytes,
  eightFloats,
  type GgufSpec,
  ggufFile,
  ggufTypes,
  kv,
  repeated,
  str,
  stringKv,
  tensorEntry,
  u64,
  uintKv,
} from '../support/ggufBuilder';
import { exercise, rejection, tensorRejection } from '../support/hostile';
import { concat, le, utf8 } from '../support/zipBuilder';

const { array, bool, float32, int32, string, uint8, uint32 } = ggufTypes;

const open = (bytes: Bytes) => openBytes(bytes, 'model.gguf');
const codesOf = ({ warnings }: ModelFile) => warnings.map(({ code }) => code);

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

/** `general.alignment` as uint32. */
const align = (value: number) => uintKv('general.alignment', value);

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

/** An array that holds one array, and so on; the last one is empty. */
function nestedArrays(levels: number): Bytes {
  const level = concat(le(4, array), u64(1));
  return kv('k', array, concat(repeated(level, levels), le(4, uint8), u64(0)));
}

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

interface Partial {
  readonly id: string;
  readonly name: string;
  readonly spec: GgufSpec;
  /** Codes by tensor, in the order of the table; empty where it is read. */
  readonly tensors: readonly string[];
  readonly found?: string;
}

const table = (...entries: Parameters<typeof tensorEntry>[0][]) =>
  entries.map((entry, i) => tensorEntry({ name: `t${i}`, ...entry }));
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

interface Accepted {
  readonly id: string;
  readonly name: string;
  readonly spec: GgufSpec;
  readonly codes?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
}

const longName = 'my_tensor_0_with_a_very_long_name_which_is_longer_than_what_is_allowed_for_ggml_tensors';

const accepted: readonly Accepted[] = [
  { id: 'G-07', name: 'a header and nothing else', spec: {} },
  {
    id: 'G-14',
    name: 'a value of every type',
    spec: {
      kvs: Object.values(ggufTypes).flatMap((type) =>
        type === array || type === string
          ? []
          : [kv(`k${type}`, type, new Uint8Array([1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][type]))],
      ),
    },
    metadata: { k0: '0', k6: '0', k7: 'false', k10: '0', k12: '0' },
  },
  {
    id: 'G-15',
    name: 'a name that llama.cpp finds too long',
    spec: { tensors: [tensorEntry({ name: longName })] },
    codes: ['E_GGUF_NAME'],
  },
  { id: 'G-18', name: 'a dimension of 0', spec: { tensors: [tensorEntry({ dims: [8, 0] })] } },
  { id: 'G-26', name: 'a tensor', spec: { tensors: [tensorEntry()] } },
  {
    id: 'G-27',
    name: 'an alignment of 1',
    spec: { kvs: [align(1)], tensors: table({ dims: [1] }, { dims: [1], offset: 4 }), alignment: 1 },
  },
  { id: 'G-32', name: 'data', spec: { tensors: table(sound, { offset: 32 }) } },
  {
    id: 'G-34',
    name: 'arrays in arrays, three deep',
    spec: { kvs: [nestedArrays(3)] },
    metadata: { k: '[1 × array]' },
  },
  {
    id: 'G-40',
    name: 'vocabularies that disagree',
    spec: {
      kvs: [
        arrayKv('tokenizer.ggml.tokens', string, 262_000, repeated(str('<0x-1>'), 262_000)),
        arrayKv('tokenizer.ggml.scores', float32, 5, new Uint8Array(20)),
        arrayKv('tokenizer.ggml.token_type', uint8, 20, new Uint8Array(20)),
        uintKv('llama.block_count', 1_000_000_000),
      ],
    },
    metadata: {
      'tokenizer.ggml.tokens': '[262000 × string]',
      'tokenizer.ggml.scores': '[0, 0, 0, 0, 0]',
      'tokenizer.ggml.token_type': '[20 × uint8]',
      'llama.block_count': '1000000000',
    },
  },
  {
    id: 'G-41',
    name: 'a template that would run, and HTML',
    spec: { kvs: [stringKv('tokenizer.chat_template', "{{ ''.__class__.__mro__ }}<script>alert(1)</script>")] },
    metadata: { 'tokenizer.chat_template': "{{ ''.__class__.__mro__ }}<script>alert(1)</script>" },
  },
  {
    id: 'G-41',
    name: 'a template of 10 MB',
    spec: { kvs: [stringKv('tokenizer.chat_template', 'x'.repeat(10_000_000))] },
    metadata: { 'tokenizer.chat_template': `${'x'.repeat(65_536)}… (10000000 bytes)` },
  },
  {
    id: 'G-42',
    name: 'keys that objects have of their own',
    spec: { kvs: [uintKv('__proto__', 1), uintKv('constructor', 2), uintKv('a\0b', 3), kv('flag', bool, le(1, 7))] },
    metadata: { constructor: '2', 'a\0b': '3', flag: 'true' },
  },
  {
    id: 'G-42',
    name: 'keys of bytes that are no UTF-8',
    spec: { kvs: [kv(Uint8Array.of(0xff, 0x41), uint32, le(4, 1)), kv(Uint8Array.of(0xfe, 0x41), uint32, le(4, 2))] },
    metadata: { '\u00ffA': '1', '\u00feA': '2' },
  },
  {
    id: 'G-42',
    name: 'a key of 1 MB',
    spec: { kvs: [uintKv('k'.repeat(1_000_000), 5)] },
    metadata: { [`${'k'.repeat(1_024)}…`]: '5' },
  },
];

describe('GGUF files that are odd and sound', () => {
  for (const { id, name, spec, codes = [], metadata = {} } of accepted) {
    it(`${id}: ${name}`, async () => {
      const file = await open(ggufFile({ data: enough, ...spec }));
      assert.deepEqual(codesOf(file), codes);
      for (const [key, value] of Object.entries(metadata)) assert.equal(file.metadata[key], value, key.slice(0, 40));
      for (const { tensor } of file.tensors) await file.readTensor(tensor, neverAborted);
    });
  }

  it('G-42: __proto__ is a key like any other', async () => {
    const { metadata } = await open(ggufFile({ kvs: [uintKv('__proto__', 1)] }));
    assert.ok(Object.keys(metadata).includes('__proto__'));
    assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
  });
});

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
      const file = await openFile(folderSource(bytes, files, name), neverAborted);
      assert.deepEqual(codesOf(file), codes);
      assert.deepEqual(
        file.tensors.map((one) => one.name),
        tensors,
      );
      for (const { tensor } of file.tensors) assert.deepEqual(await file.readTensor(tensor, neverAborted), eightFloats);
    });
  }
});

describe('GGUF files that claim much', () => {
  it('G-35: 2^27 strings of no bytes would be a gigabyte; fewer than it says are refused before a loop', async () => {
    const started = performance.now();
    await rejection(ggufFile({ kvs: [arrayKv('k', string, 2 ** 27, repeated(str(''), 1_000))] }), 'model.gguf');
    assert.ok(performance.now() - started < 200);
  });

  it('ID-12: a terabyte of nothing behind the magic is refused after one read', async () => {
    const head = concat(utf8('GGUF'), new Uint8Array(1_000_000));
    let bytes = 0;
    const source: ByteSource = {
      ...bytesSource(head, 'model.gguf'),
      size: 2 ** 40,
      async read(offset, length) {
        bytes += length;
        return head.subarray(offset, offset + length);
      },
    };
    await assert.rejects(openFile(source, neverAborted), { code: 'E_GGUF_VERSION' });
    assert.ok(bytes <= 1024 * 1024, `${bytes} bytes were read`);
  });
});

describe('mutated GGUF files', () => {
  it('end in an answer or a refusal, each within two seconds', async function () {
    this.timeout(60_000);
    const outcomes = new Set<string>();
    let state = 29592;
    const below = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    for (const seed of ['little', 'big']) {
      const whole = await readFixture('gguf', `${seed}.gguf`);
      // The header is where the decisions are.
      for (let i = 0; i < 2_500; i++) {
        const bytes = whole.slice();
        for (let times = 1 + below(4); times > 0; times--) bytes[below(3_000)] = below(3) === 0 ? 0xff : below(256);
        const cut = below(4) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
        const started = performance.now();
        for (const code of await exercise(cut, 'model.gguf')) outcomes.add(code);
        assert.ok(performance.now() - started < 2_000, `mutant ${i} of ${seed}`);
      }
    }
    assert.ok(outcomes.size > 8, [...outcomes].join());
  });
});
