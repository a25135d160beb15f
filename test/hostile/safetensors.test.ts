import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { QuantscopeError } from '../../src/core/errors';
import { noProgress } from '../../src/core/progress';
import { openFile } from '../../src/formats/registry';
import { openModel } from '../../src/model/openModel';
import { tensorStats } from '../../src/model/tensorDetail';
import { openBytes } from '../support/fixtures';
import { rejection, tensorRejection } from '../support/hostile';
import { type EntryFields, f32, safetensors, safetensorsText } from '../support/safetensorsBuilder';
import { concat, le, utf8 } from '../support/zipBuilder';

const name = 'model.safetensors';
const open = (bytes: Uint8Array) => openBytes(bytes, name);
const entry = (fields: EntryFields, data = 4) => safetensors({ w: { ...f32(1), ...fields } }, data);
/** The one tensor `w` of four bytes, written by hand. */
const field = (text: string, data = 4) => safetensorsText(`{"w":{${text}}}`, data);
const sound = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';
const codes = (warnings: readonly { readonly code: string }[]) => warnings.map(({ code }) => code);

interface Refusal {
  readonly row: string;
  readonly what: string;
  readonly bytes: () => Uint8Array;
  readonly code: string;
  readonly offset: number;
  /** Text that `found` must contain. */
  readonly found?: string;
}

const json = (row: string, what: string, text: string | Uint8Array, offset: number): Refusal => ({
  row,
  what,
  bytes: () => safetensorsText(text, 4),
  code: 'E_ST_JSON',
  offset: 8 + offset,
});

const header = `{"w":{${sound}}}`;

const refusals: readonly Refusal[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map(
    (size): Refusal => ({
      row: 'S-01',
      what: `a file of ${size} bytes`,
      bytes: () => new Uint8Array(size).fill(size),
      code: 'E_ST_TRUNCATED',
      offset: size,
      found: `${size} bytes`,
    }),
  ),
  {
    row: 'S-02',
    what: 'a header of no bytes',
    bytes: () => safetensorsText(''),
    code: 'E_ST_HEADER_SIZE',
    offset: 0,
    found: '0',
  },
  ...([100_000_001n, 2n ** 63n, 2n ** 64n - 1n] as const).map(
    (length): Refusal => ({
      row: 'S-03',
      what: `a header of ${length} bytes`,
      bytes: () => safetensorsText(header, 4, length),
      code: 'E_ST_HEADER_SIZE',
      offset: 0,
      found: `${length} bytes`,
    }),
  ),
  {
    row: 'S-03',
    what: 'a header one byte longer than the file',
    bytes: () => safetensorsText(header, 0, BigInt(header.length + 1)),
    code: 'E_ST_HEADER_SIZE',
    offset: 0,
    found: `${header.length + 1} bytes`,
  },
  json('S-04', 'a byte order mark', `\ufeff${header}`, 0),
  json('S-04', 'a name that is not UTF-8', concat(utf8('{"'), Uint8Array.of(0x61, 0xff), utf8('":1}')), 3),
  json('S-04', 'a name cut inside a character', concat(utf8('{"'), Uint8Array.of(0xe2, 0x82), utf8('":1}')), 3),
  json('S-04', 'surrogates written as UTF-8', concat(utf8('{"'), Uint8Array.of(0xed, 0xa0, 0x80), utf8('":1}')), 3),
  json('S-04', 'half a surrogate pair', '{"\\ud800":1}', 2),
  json('S-05', 'a header that stops', '{"w":{"dtype":"F32"', 19),
  json('S-05', 'a header that stops in a text', '{"w":{"dtype":"F3', 17),
  json('S-05', 'a comma before the end', `{"w":{${sound}},}`, header.length),
  json('S-05', 'a comma before the end of a list', '{"w":{"shape":[1,]}}', 17),
  json('S-05', 'a comment', '{/* */}', 1),
  json('S-05', 'NaN', '{"w":{"shape":[NaN]}}', 15),
  json('S-05', 'single quotes', "{'w':1}", 1),
  json('S-05', 'a number with an exponent', '{"w":{"shape":[1e3]}}', 15),
  json('S-05', 'a number with a leading zero', '{"w":{"shape":[01]}}', 16),
  json('S-05', 'a number with a fraction', '{"w":{"shape":[1.0]}}', 15),
  json('S-05', 'a line break in a text', '{"w\n":1}', 3),
  json('S-05', 'an unknown escape', '{"w\\x":1}', 3),
  json('S-05', 'text behind the header', `${header}x`, header.length),
  json('S-05', 'two headers', `${header}{}`, header.length),
  json('S-05', 'zeros behind the header', `${header}\0\0`, header.length),
  json('S-06', '100,000 nested lists', `{"w":{"x":${'['.repeat(100_000)}`, 10 + 126),
  json('S-06', '100,000 nested objects', `{"w":${'{"x":'.repeat(100_000)}`, 5 + 127 * 5),
  json('S-07', 'a tensor that is there twice', `{"w":{${sound}},"w":{${sound}}}`, header.length),
  json('S-07', 'a field that is there twice', `{"w":{${sound},"shape":[1]}}`, 53),
  json('S-07', 'two metadata objects', '{"__metadata__":{},"__metadata__":{}}', 19),
  {
    row: 'S-08',
    what: '100,000 tensors on the same bytes',
    bytes: () =>
      safetensorsText(
        `{${Array.from({ length: 100_000 }, (_, i) => `"w${i}":{"dtype":"F32","shape":[40000],"data_offsets":[0,160000]}`).join(',')}}`,
        160_000,
      ),
    code: 'E_ST_OVERLAP',
    offset: 8 + 1 + '"w0":{"dtype":"F32","shape":[40000],"data_offsets":[0,160000]},'.length,
    found: '[0, 160000] beside [0, 160000]',
  },
  {
    row: 'S-08',
    what: 'two tensors that share one byte',
    bytes: () => safetensors({ a: f32(2), b: { dtype: 'U8', shape: [1], data_offsets: [7, 8] } }, 8),
    code: 'E_ST_OVERLAP',
    offset: 62,
  },
  ...(
    [
      ['reversed', '[4,0]', '[4, 0]'],
      ['above 2^53', '[0,9007199254740993]', '[0, 9007199254740993]'],
      ['above 2^64', '[0,18446744073709551617]', '[0, 18446744073709551617]'],
      ['a negative number', '[-4,0]', '-4'],
      ['a fraction', '[0,4.0]', '4.0'],
      ['text', '["0",4]', '"\\""'],
    ] as const
  ).map(
    ([what, offsets, found], i): Refusal => ({
      row: 'S-11',
      what: `offsets that are ${what}`,
      bytes: () => field(`"dtype":"F32","shape":[1],"data_offsets":${offsets}`),
      code: 'E_ST_JSON',
      offset: 8 + 47 + (i < 3 ? 0 : i === 4 ? 3 : 1),
      found,
    }),
  ),
  json('S-11', 'offsets that are three numbers', '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 47),
  json('S-11', 'offsets that are one number', '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 47),
  json('S-13', 'a shape beyond 2^64', '{"w":{"shape":[2,18446744073709551614]}}', 14),
  json('S-13', 'a size beyond 2^64 beside a size of 0', '{"w":{"shape":[0,18446744073709551616]}}', 14),
  json('S-13', 'a shape of 2^63 elements', '{"w":{"shape":[9223372036854775808]}}', 14),
  {
    row: 'S-14',
    what: 'an odd number of half bytes',
    bytes: () => entry({ dtype: 'F4', shape: [3], data_offsets: [0, 2] }, 2),
    code: 'E_ST_SIZE',
    offset: 9,
  },
  json('S-15', 'metadata that is a number', '{"__metadata__":1}', 16),
  json('S-15', 'metadata with a number', '{"__metadata__":{"a":1}}', 21),
  json('S-15', 'metadata with an object', '{"__metadata__":{"a":{}}}', 21),
  json('entry', 'an entry that is a number', '{"w":1}', 5),
  json('entry', 'an entry without dtype', '{"w":{"shape":[1],"data_offsets":[0,4]}}', 1),
  json('entry', 'an entry without shape', '{"w":{"dtype":"F32","data_offsets":[0,4]}}', 1),
  json('entry', 'an entry without offsets', '{"w":{"dtype":"F32","shape":[1]}}', 1),
  json('entry', 'a dtype that is a number', '{"w":{"dtype":32}}', 14),
  json('entry', 'a shape that is a number', '{"w":{"shape":1}}', 14),
];

describe('safetensors files that are refused', () => {
  for (const { row, what, bytes, code, offset, found } of refusals) {
    it(`${row}: ${what}`, async () => {
      const details = await rejection(bytes(), name);
      assert.equal(details.code, code, details.message);
      assert.equal(details.where?.offset, offset);
      if (found !== undefined) assert.ok(details.found?.includes(found), details.found);
    });
  }

  it('S-05: with line and column', async () => {
    const { where } = await rejection(safetensorsText('{\n  "w": oops}'), name);
    assert.equal(where?.field, 'line 2, column 8');
  });

  it('ID-15: JSON behind a byte order mark', async () => {
    const { where } = await rejection(safetensorsText(concat(Uint8Array.of(0xef, 0xbb, 0xbf), utf8(header)), 4), name);
    assert.equal(where?.offset, 8);
  });

  it('S-17: opening can be cancelled', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `"w${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`);
    let checks = 0;
    const abort = {
      throwIfAborted() {
        if (++checks > 3) throw new QuantscopeError({ code: 'E_ABORTED', kind: 'aborted', message: 'Cancelled.' });
      },
    };
    const bytes = safetensorsText(`{${many.join(',')}}`);
    const source: ByteSource = {
      name,
      size: bytes.length,
      read: async (offset, length) => bytes.subarray(offset, offset + length),
    };
    await assert.rejects(openFile(source, abort), { code: 'E_ABORTED' });
  });
});

describe('safetensors files that open with a warning', () => {
  const cases: readonly [row: string, what: string, bytes: () => Uint8Array, code: string, says: RegExp][] = [
    [
      'S-07',
      'a metadata key that is there twice',
      () => safetensorsText(`{"__metadata__":{"a":"1","a":"2"},"w":{${sound}}}`, 4),
      'E_ST_DUPLICATE',
      /"a".*twice/,
    ],
    [
      'S-09',
      'a hole between tensors',
      () => safetensors({ a: f32(1), b: f32(1, 12) }, 16),
      'E_ST_GAP',
      /bytes 121 to 129 belong to no tensor/,
    ],
    ['S-09', 'bytes behind the last tensor', () => safetensors({ w: f32(1) }, 7), 'E_ST_GAP', /^3 bytes follow/],
    [
      'S-13',
      '100,000 dimensions',
      () => entry({ shape: new Array(100_000).fill(1) }),
      'E_ST_RANK',
      /100000 dimensions/,
    ],
    [
      'S-15',
      'metadata of a million characters',
      () => safetensorsText(`{"__metadata__":{"a":"${'x'.repeat(1_000_000)}"},"w":{${sound}}}`, 4),
      'E_ST_METADATA',
      /has 1000000 characters/,
    ],
    ['S-18', 'a field that nobody knows', () => entry({ extra: [{ a: null }] }), 'E_ST_EXTRA', /1 fields/],
  ];
  for (const [row, what, bytes, code, says] of cases) {
    it(`${row}: ${what}`, async () => {
      const file = await open(bytes());
      assert.deepEqual(codes(file.warnings), [code]);
      assert.match(file.warnings[0].message, says);
      for (const { tensor } of file.tensors) assert.equal((await file.readTensor(tensor, neverAborted)).length, 4);
    });
  }

  it('as one of many, when there are more than a person reads', async () => {
    const twice = Array.from({ length: 300 }, () => '"a":"1"').join(',');
    const file = await open(safetensorsText(`{"__metadata__":{${twice}}}`));
    assert.equal(file.warnings.length, 101);
    assert.match(file.warnings[100].message, /199 more/);
  });
});

describe('safetensors files that open in part', () => {
  it('S-10: a download that stopped, at each 1/64 of the data', async () => {
    const entries = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`w${i}`, f32(16, 64 * i)]));
    const data = Uint8Array.from({ length: 1024 }, (_, i) => i % 251);
    const whole = safetensors(entries, data);
    const dataStart = whole.length - data.length;
    for (let part = 0; part < 64; part++) {
      const there = part * 16;
      const file = await open(whole.subarray(0, dataStart + there));
      assert.equal(file.tensors.length, 16);
      assert.deepEqual(codes(file.warnings), ['E_ST_CUT']);
      for (const [i, { name: tensorName, tensor }] of file.tensors.entries()) {
        const missing = Math.min(64, Math.max(0, 64 * (i + 1) - there));
        if (missing === 0) {
          assert.deepEqual(await file.readTensor(tensor, neverAborted), data.subarray(64 * i, 64 * i + 64));
        } else {
          const details = await tensorRejection(file, tensorName);
          assert.equal(details.code, 'E_ST_CUT');
          assert.ok(details.message.includes(`${missing} of its 64 bytes`), details.message);
          assert.equal(details.where?.offset, dataStart + there);
        }
      }
    }
  });

  it('S-12: a tensor whose bytes do not fit its shape, beside one that does', async () => {
    const file = await open(safetensors({ a: { ...f32(2), shape: [3] }, b: f32(1, 8) }, 12));
    const details = await tensorRejection(file, 'a');
    assert.deepEqual([details.code, details.found, details.where?.offset], ['E_ST_SIZE', '8 bytes', 9]);
    assert.match(details.message, /need 12 bytes/);
    assert.equal((await file.readTensor(file.tensors[1].tensor, neverAborted)).length, 4);
    assert.deepEqual(codes(file.warnings), ['E_ST_SIZE']);
  });

  it('S-14: bytes of a BOOL that are neither 0 nor 1 count as true in its statistics', async () => {
    const bytes = safetensors({ w: { dtype: 'BOOL', shape: [4], data_offsets: [0, 4] } }, Uint8Array.of(0, 1, 2, 255));
    const model = await openModel(bytesSource(bytes, name), neverAborted);
    const [{ min, max, mean, zeros }] = await tensorStats(model, null, 2, neverAborted, noProgress);
    assert.deepEqual([min, max, mean, zeros], [0, 1, 0.75, 1]);
  });

  it('S-14: a dtype that nobody knows is listed with its bytes', async () => {
    const file = await open(entry({ dtype: 'X99' }));
    const [{ tensor }] = file.tensors;
    assert.deepEqual([tensor.shape, tensor.encoding], [[4], { name: 'X99', bytes: 4 }]);
    assert.equal((await tensorRejection(file, 'w')).code, 'E_ST_DTYPE');
  });
});

describe('safetensors files that open', () => {
  it('S-13: with sizes that no number holds, beside a size of 0', async () => {
    const file = await open(field('"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]', 0));
    assert.equal(file.tensors[0].tensor.shape[0], 0);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), new Uint8Array(0));
  });

  it('S-15: with metadata of every kind of text', async () => {
    const texts = { a: '<script>alert(1)</script>', b: '{"json": "in a text"}', __proto__x: '\u202e', '': '' };
    const file = await open(safetensorsText(JSON.stringify({ __metadata__: texts })));
    assert.deepEqual(file.metadata, texts);
  });

  it('S-15: with a metadata key that an object has already', async () => {
    const file = await open(safetensorsText('{"__metadata__":{"__proto__":"x"}}'));
    assert.deepEqual(Object.entries(file.metadata), [['__proto__', 'x']]);
    assert.equal(Object.getPrototypeOf(file.metadata), Object.prototype);
  });

  it('S-16: with names of every kind, in the order of their bytes', async () => {
    const names = [
      '10',
      '2',
      '__proto__',
      'constructor',
      '',
      'x'.repeat(1_000_000),
      '\u001b[31m',
      '\u202e',
      '\0',
      '모델',
    ];
    const entries = names.map(
      (one, i) => `${JSON.stringify(one)}:${JSON.stringify(f32(1, 4 * (names.length - 1 - i)))}`,
    );
    const file = await open(safetensorsText(`{${entries.join(',')}}`, 4 * names.length));
    assert.deepEqual(
      file.tensors.map((tensor) => tensor.name),
      [...names].reverse(),
    );
    assert.deepEqual(file.warnings, []);
  });

  it('S-18: with white space before and behind the header', async () => {
    for (const text of [` \n\t${header}`, `${header}${' '.repeat(40)}`]) {
      const file = await open(safetensorsText(text, 4));
      assert.deepEqual([file.tensors.length, file.warnings], [1, []]);
    }
  });

  it('with no tensors', async () => {
    const file = await open(safetensorsText('{}'));
    assert.deepEqual([file.tensors, file.warnings], [[], []]);
  });

  for (const size of [10e9, 40e9, 2 ** 40]) {
    it(`S-19, S-20: of ${size} bytes, of which the header is read, and bytes around 2^31 and 2^32`, async () => {
      const around = [2 ** 31 - 4, 2 ** 31, 2 ** 32 - 4, 2 ** 32];
      const rest = size - 2 ** 32 - 4;
      const entries = {
        a: { dtype: 'U8', shape: [around[0]], data_offsets: [0, around[0]] },
        b: f32(1, around[0]),
        c: f32(1, around[1]),
        d: { dtype: 'U8', shape: [2 ** 31 - 8], data_offsets: [around[1] + 4, around[2]] },
        e: f32(1, around[2]),
        f: f32(1, around[3]),
        g: { dtype: 'U8', shape: [rest], data_offsets: [2 ** 32 + 4, size] },
      };
      const head = safetensors(entries);
      const reads: number[] = [];
      // Every byte of the data is the lowest byte of its offset divided by four.
      const source: ByteSource = {
        name,
        size: head.length + size,
        async read(offset, length) {
          reads.push(length);
          assert.ok(offset + length <= head.length + size);
          if (offset + length <= head.length) return head.subarray(offset, offset + length);
          return Uint8Array.from({ length }, (_, i) =>
            offset + i < head.length ? head[offset + i] : ((offset + i - head.length) / 4) & 255,
          );
        },
      };
      const file = await openFile(source, neverAborted);
      assert.ok(reads.reduce((sum, length) => sum + length, 0) < 10_000);
      assert.deepEqual(codes(file.warnings), []);
      for (const [i, one] of ['b', 'c', 'e', 'f'].entries()) {
        const tensor = file.tensors.find((each) => each.name === one);
        assert.ok(tensor);
        assert.equal((await file.readTensor(tensor.tensor, neverAborted))[0], (around[i] / 4) & 255);
      }
      assert.equal((await tensorRejection(file, 'g')).code, 'E_TENSOR_LIMIT');
    });
  }

  it('is told from text that looks like it', async () => {
    assert.equal((await rejection(concat(le(8, 2 ** 33), utf8('{}')), 'model.pt')).code, 'E_UNKNOWN_FORMAT');
  });
});
