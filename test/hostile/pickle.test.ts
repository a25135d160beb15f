import assert from 'node:assert/strict';
import { opcodeNames } from '../../src/formats/pickle/opcodes';
import { openBytes } from '../support/fixtures';
import { rejection } from '../support/hostile';
import {
  dict,
  global,
  int,
  type Piece,
  pickle,
  proto2,
  proto4,
  stateDict,
  tensor,
  text,
  torchFile,
} from '../support/pickleBuilder';
import { concat, le, utf8 } from '../support/zipBuilder';

interface Case {
  readonly name: string;
  /** What follows PROTO 2, and STOP where the case wants one. */
  readonly body: readonly Piece[];
  readonly code: string;
  /** Offset of the opcode that is to blame. */
  readonly offset?: number;
}

const allBytes = Array.from({ length: 256 }, (_, byte) => byte);
const undefinedOpcodes = allBytes.filter((byte) => !isOpcode(byte));

function isOpcode(byte: number): boolean {
  const defined = '(.012FIJKLMNPQRSTUVXabcd}eghijloprqst)u]GBC';
  return (byte >= 0x80 && byte <= 0x98) || defined.includes(String.fromCharCode(byte));
}

const refused: readonly Case[] = [
  // The stack
  { name: 'POP on an empty stack', body: ['0', '.'], code: 'E_PICKLE_STACK', offset: 2 },
  { name: 'STOP on an empty stack', body: ['.'], code: 'E_PICKLE_STACK', offset: 2 },
  { name: 'DUP on an empty stack', body: ['2', '.'], code: 'E_PICKLE_STACK', offset: 2 },
  { name: 'POP_MARK without a mark', body: ['N1', '.'], code: 'E_PICKLE_STACK', offset: 3 },
  { name: 'TUPLE without a mark', body: ['Nt', '.'], code: 'E_PICKLE_STACK', offset: 3 },
  { name: 'TUPLE3 of two values', body: ['NN', 0x87, '.'], code: 'E_PICKLE_STACK', offset: 4 },
  { name: 'REDUCE of one value', body: [')R', '.'], code: 'E_PICKLE_STACK', offset: 3 },
  { name: 'a mark between TUPLE1 and its value', body: ['N(', 0x85, '.'], code: 'E_PICKLE_STACK', offset: 4 },
  { name: 'OBJ without a class', body: ['(o', '.'], code: 'E_PICKLE_STACK', offset: 3 },
  { name: 'a key without a value', body: ['}(Nu', '.'], code: 'E_PICKLE_STACK', offset: 5 },
  // The memo
  { name: 'BINGET of nothing', body: ['h', 7, '.'], code: 'E_PICKLE_MEMO', offset: 2 },
  { name: 'LONG_BINGET of nothing', body: ['j', le(4, 0xffffffff), '.'], code: 'E_PICKLE_MEMO', offset: 2 },
  { name: 'GET of a word', body: ['gabc\n', '.'], code: 'E_PICKLE_MEMO', offset: 2 },
  { name: 'PUT of a negative index', body: ['Np-1\n', '.'], code: 'E_PICKLE_MEMO', offset: 3 },
  { name: 'PUT of 10^30', body: [`Np1${'0'.repeat(30)}\n`, '.'], code: 'E_PICKLE_MEMO', offset: 3 },
  { name: 'MEMOIZE of nothing', body: [0x94, '.'], code: 'E_PICKLE_STACK', offset: 2 },
  // Types
  { name: 'APPEND to a dict', body: ['}Na', '.'], code: 'E_PICKLE_TYPE', offset: 4 },
  { name: 'APPENDS to None', body: ['N(Ne', '.'], code: 'E_PICKLE_TYPE', offset: 5 },
  { name: 'SETITEM on a list', body: [']NNs', '.'], code: 'E_PICKLE_TYPE', offset: 5 },
  { name: 'SETITEMS on None', body: ['N(NNu', '.'], code: 'E_PICKLE_TYPE', offset: 6 },
  { name: 'ADDITEMS on a list', body: [']', '(N', 0x90, '.'], code: 'E_PICKLE_TYPE', offset: 5 },
  { name: 'BUILD of a number', body: ['K', 1, '}b', '.'], code: 'E_PICKLE_TYPE', offset: 5 },
  { name: 'STACK_GLOBAL of a number', body: ['K', 1, text('x'), 0x93, '.'], code: 'E_PICKLE_TYPE', offset: 10 },
  { name: 'STACK_GLOBAL of a list', body: [text('x'), ']', 0x93, '.'], code: 'E_PICKLE_TYPE', offset: 9 },
  { name: 'STACK_GLOBAL of bytes', body: ['C', 1, 'x', text('x'), 0x93, '.'], code: 'E_PICKLE_TYPE', offset: 11 },
  // Lengths
  { name: 'BINUNICODE of 4 GB', body: ['X', le(4, 0xffffffff), 'x', '.'], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  { name: 'BINUNICODE8 of 2^63 bytes', body: [0x8d, le(8, 2n ** 63n), '.'], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  { name: 'BINBYTES8 of 2^63 bytes', body: [0x8e, le(8, 2n ** 63n), '.'], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  { name: 'BYTEARRAY8 of 2^40 bytes', body: [0x96, le(8, 2n ** 40n), '.'], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  { name: 'BINSTRING of -1 bytes', body: ['T', le(4, -1), '.'], code: 'E_PICKLE_LENGTH', offset: 2 },
  { name: 'LONG4 of -1 bytes', body: [0x8b, le(4, -1), '.'], code: 'E_PICKLE_LENGTH', offset: 2 },
  { name: 'LONG1 of 255 bytes', body: [0x8a, 255, '.'], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  { name: 'no STOP', body: ['N'], code: 'E_PICKLE_TRUNCATED', offset: 3 },
  { name: 'GLOBAL without a newline', body: ['cos'], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  { name: 'PROTO without its byte', body: [0x80], code: 'E_PICKLE_TRUNCATED', offset: 2 },
  // Text
  { name: 'a byte that no UTF-8 has', body: ['X', le(4, 2), 0xff, 0xfe, '.'], code: 'E_PICKLE_UTF8', offset: 2 },
  { name: 'a cut UTF-8 sequence', body: ['X', le(4, 2), 0xe2, 0x82, '.'], code: 'E_PICKLE_UTF8', offset: 2 },
  { name: 'a GLOBAL that is no UTF-8', body: ['c', 0xff, '\nx\n', '.'], code: 'E_PICKLE_UTF8', offset: 2 },
  { name: 'STRING without quotes', body: ['Sabc\n', '.'], code: 'E_PICKLE_STRING', offset: 2 },
  { name: 'STRING with unmatched quotes', body: [`S"abc'\n`, '.'], code: 'E_PICKLE_STRING', offset: 2 },
  ...['1e5', '0x10', '12abc', ' 5', '', '1_0'].map((number) => ({
    name: `INT ${JSON.stringify(number)}`,
    body: [`I${number}\n`, '.'],
    code: 'E_PICKLE_NUMBER',
    offset: 2,
  })),
  ...['', '1_0', '0x1p3', '1e', '--1', 'infinite'].map((number) => ({
    name: `FLOAT ${JSON.stringify(number)}`,
    body: [`F${number}\n`, '.'],
    code: 'E_PICKLE_NUMBER',
    offset: 2,
  })),
  {
    name: 'FLOAT of a million digits and a letter',
    body: ['F', '1'.repeat(1_000_000), 'x\n', '.'],
    code: 'E_PICKLE_NUMBER',
  },
  { name: 'LONG of a million digits', body: ['L', '9'.repeat(1_000_000), 'L\n', '.'], code: 'E_PICKLE_NUMBER' },
  // Buffers and bytes that mean nothing
  { name: 'NEXT_BUFFER', body: [0x97, '.'], code: 'E_PICKLE_BUFFER', offset: 2 },
  { name: 'READONLY_BUFFER', body: ['N', 0x98, '.'], code: 'E_PICKLE_BUFFER', offset: 3 },
  ...undefinedOpcodes.map((byte) => ({
    name: `opcode 0x${byte.toString(16)}`,
    body: ['N', byte, '.'],
    code: 'E_PICKLE_OPCODE',
    offset: 3,
  })),
];

describe('pickles that no machine can read', () => {
  for (const { name, body, code, offset } of refused) {
    it(`refuses ${name} with ${code}`, async () => {
      const details = await rejection(torchFile(pickle(proto2, ...body)));
      assert.equal(details.code, code);
      assert.equal(details.where?.entry, 'model/data.pkl');
      if (offset !== undefined) assert.equal(details.where?.offset, offset);
    });
  }

  it('refuses a pickle that is cut at any byte, or reads all of it', async () => {
    const whole = pickle(proto2, dict([['w', tensor()]]), '.');
    for (let length = 0; length < whole.length; length++) {
      const { code } = await rejection(torchFile(whole.subarray(0, length)));
      assert.equal(code, 'E_PICKLE_TRUNCATED', `cut at ${length}`);
    }
  });

  it('knows exactly the 68 opcodes of protocols 0 to 5', () => {
    assert.equal(opcodeNames.size, 68);
    assert.deepEqual([...opcodeNames.keys()].sort(), allBytes.filter(isOpcode).sort());
  });
});

interface Benign {
  readonly name: string;
  readonly value: Piece;
  readonly metadata?: string;
}

const benign: readonly Benign[] = [
  { name: 'a memo index of 2^32 - 1', value: ['N', 'r', le(4, 0xffffffff), '0j', le(4, 0xffffffff)] },
  { name: 'a lone surrogate, which Python writes', value: ['X', le(4, 3), 0xed, 0xa0, 0x80] },
  { name: 'a string of Python 2', value: [`S'it\\'s\\n\\x41'\n`], metadata: "it's\nA" },
  { name: 'a byte string of Python 2 as latin-1', value: ['U', 3, 0x80, 0x93, 0xe9], metadata: '\x80\x93\xe9' },
  { name: 'a string that starts with a byte order mark', value: text('\ufeffx'), metadata: '\ufeffx' },
  { name: 'UNICODE with escapes', value: ['V\\u00e9\n'], metadata: 'é' },
  { name: 'INT 01, which is True', value: ['I01\n'], metadata: 'true' },
  { name: 'LONG', value: ['L-12L\n'], metadata: '-12' },
  { name: 'FLOAT', value: ['F-1.5e3\n'], metadata: '-1500' },
  { name: 'an infinite FLOAT', value: ['F-inf\n'], metadata: '-Infinity' },
  { name: 'LONG1 of nothing', value: [0x8a, 0], metadata: '0' },
  { name: 'a number of 64 bits', value: [0x8a, 8, le(8, -(2n ** 63n))], metadata: '-9223372036854775808' },
  { name: 'an integer of 8,000 bits', value: [0x8b, le(4, 1000), new Uint8Array(1000).fill(0xff)] },
  { name: 'extension codes', value: [0x82, 1, '0', 0x83, le(2, 1), '0', 0x84, le(4, 1)] },
  { name: 'a set', value: [0x8f, '(', int(1), 0x90] },
  { name: 'a frozenset', value: ['(', int(1), 0x91] },
  {
    name: 'keys that are equal, unhashable or not a number',
    value: ['}(', 'NN', ']N', 'G', le(8, 0xf87fn), 'N', int(1), 'N', 0x88, 'Nu'],
  },
  { name: 'POP of a mark', value: ['N(0'] },
];

describe('pickles that are odd but sound', () => {
  for (const { name, value, metadata } of benign) {
    it(`reads ${name}`, async () => {
      const root = dict([
        ['value', value],
        ['w', tensor()],
      ]);
      const file = await openBytes(torchFile(pickle(proto2, root, '.')));
      assert.deepEqual(
        file.tensors.map((named) => named.name),
        ['w'],
      );
      assert.equal(file.safety.verdict, 'safe');
      if (metadata !== undefined) assert.equal(file.metadata.value, metadata);
    });
  }

  const keyed: readonly [name: string, entries: readonly Piece[], codes: readonly string[]][] = [
    ['a list', [']N'], ['E_PICKLE_KEY']],
    ['a dict', ['}N'], ['E_PICKLE_KEY']],
    ['a tensor, which Python hashes by its identity', [tensor(), 'N'], []],
    ['NaN twice, which are two keys', [['G', le(8, 0xf87fn)], 'N', ['G', le(8, 0xf87fn)], 'N'], []],
    ['1 and True, which are one', [int(1), 'N', 0x88, 'N'], ['E_PICKLE_DUPLICATE_KEY']],
    ['0 and False, which are one', [0x89, 'N', 'K\0', 'N'], ['E_PICKLE_DUPLICATE_KEY']],
    ['1 and "1", which are two', [int(1), 'N', text('1'), 'N'], []],
    ['a text twice', [text('k'), 'N', text('k'), 'N'], ['E_PICKLE_DUPLICATE_KEY']],
    ['a list, and a text twice', [']N', text('k'), 'N', text('k'), 'N'], ['E_PICKLE_KEY', 'E_PICKLE_DUPLICATE_KEY']],
  ];
  for (const [name, entries, codes] of keyed) {
    it(`P-25: reads a dict whose keys are ${name}, with ${codes.join(' and ') || 'no'} warning`, async () => {
      const root = dict([
        ['value', ['}(', ...entries, 'u']],
        ['w', tensor()],
      ]);
      const { tensors, warnings } = await openBytes(torchFile(pickle(proto2, root, '.')));
      assert.equal(tensors.at(-1)?.name, 'w');
      assert.deepEqual(
        warnings.map(({ code }) => code),
        codes,
      );
    });
  }

  it('P-25: says which key is there twice', async () => {
    const { warnings } = await openBytes(torchFile(stateDict(['w', tensor()])));
    assert.equal(warnings[0].message, 'The dict of the file has the key "w" twice; the last counts.');
  });

  it('warns of bytes after STOP', async () => {
    const file = await openBytes(torchFile(concat(pickle(proto2, dict([['w', tensor()]]), '.'), utf8('more'))));
    assert.deepEqual(
      file.warnings.map(({ code }) => code),
      ['E_PICKLE_TRAILING'],
    );
  });

  const odd: readonly [name: string, body: readonly Piece[], code: string][] = [
    ['a frame longer than the pickle', [0x95, le(8, 100_000), dict([['w', tensor()]]), '.'], 'E_PICKLE_FRAME'],
    ['a frame inside a frame', [0x95, le(8, 100), 0x95, le(8, 50), dict([['w', tensor()]]), '.'], 'E_PICKLE_FRAME'],
    ['an opcode that reaches over a frame', [0x95, le(8, 3), dict([['w', tensor()]]), '.'], 'E_PICKLE_FRAME'],
    ['a memo entry that gets another value', ['Nq\0K\x01q\x0000', dict([['w', tensor()]]), '.'], 'E_PICKLE_MEMO_TWICE'],
    ['101 DUP', ['N', '2'.repeat(101), '0'.repeat(102), dict([['w', tensor()]]), '.'], 'E_PICKLE_DUP'],
    ['a second PROTO', [0x80, 2, dict([['w', tensor()]]), '.'], 'E_PICKLE_PROTOCOL'],
    [
      'an extension code',
      [
        dict([
          ['w', tensor()],
          ['x', [0x82, 1]],
        ]),
        '.',
      ],
      'E_PICKLE_EXTENSION',
    ],
  ];
  for (const [name, body, code] of odd) {
    it(`warns of ${name} with ${code}, and reads on`, async () => {
      const file = await openBytes(torchFile(pickle(proto4, ...body)));
      assert.deepEqual(
        file.warnings.map((warning) => warning.code),
        [code],
      );
      assert.equal(file.tensors[0].name, 'w');
    });
  }

  it('says nothing of 100 DUP, nor of a memo entry that gets its value twice', async () => {
    const body = ['N', '2'.repeat(100), '0'.repeat(101), ']q\0q\x000', dict([['w', tensor()]]), '.'];
    assert.deepEqual((await openBytes(torchFile(pickle(proto4, ...body)))).warnings, []);
  });

  it('warns of a protocol of the future', async () => {
    const file = await openBytes(torchFile(pickle(0x80, 9, dict([['w', tensor()]]), '.')));
    assert.deepEqual(
      file.warnings.map(({ code }) => code),
      ['E_PICKLE_PROTOCOL'],
    );
  });

  it('stores state under names that JavaScript has a meaning for, and nothing else', async () => {
    const keys = ['__class__', '__dict__', '__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const polluted = dict(keys.map((key) => [key, dict([['polluted', text('yes')]])]));
    const object: Piece = [global('collections', 'OrderedDict'), ')', 0x81, polluted, 'b'];
    const root = dict([...keys.map((key): [string, Piece] => [key, text('yes')]), ['object', object], ['w', tensor()]]);
    const file = await openBytes(torchFile(pickle(proto2, root, '.')));
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    assert.deepEqual(Object.keys(file.metadata), keys);
  });
});
