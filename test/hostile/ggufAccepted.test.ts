import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { openFile } from '../../src/formats/registry';
import { openBytes } from '../support/fixtures';
import {
  align,
  arrayKv,
  type Bytes,
  eightFloats,
  type GgufSpec,
  ggufFile,
  ggufTypes,
  kv,
  nestedArrays,
  repeated,
  str,
  stringKv,
  table,
  tensorEntry,
  uintKv,
} from '../support/ggufBuilder';
import { codesOf, rejection } from '../support/hostile';
import { concat, le, utf8 } from '../support/zipBuilder';

const { array, bool, float32, string, uint8, uint32 } = ggufTypes;

const open = (bytes: Bytes) => openBytes(bytes, 'model.gguf');

/** A sound tensor before the one in question. */
const sound = { dims: [8], offset: 0 };

const enough = concat(eightFloats, new Uint8Array(256));
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
    id: 'G-41',
    name: 'a template in Korean that is cut inside a character',
    spec: { kvs: [stringKv('tokenizer.chat_template', '모'.repeat(30_000))] },
    metadata: { 'tokenizer.chat_template': `${'모'.repeat(21_845)}… (90000 bytes)` },
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
