import assert from 'node:assert/strict';
import { readExactPickle } from '../../../../src/formats/pickle/readExact';
import { writePickle } from '../../../../src/formats/pickle/write';
import { planModuleFile } from '../../../../src/formats/torch/writeModule';

/** A pickle of protocol 2 from its opcodes: text, and numbers for bytes. */
function pickle(...parts: readonly (string | number)[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part])));
  return Buffer.concat([Buffer.from([0x80, 2]), ...bytes, Buffer.from('.')]);
}

const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const moduleOf = (children: string) =>
  `ctorch.nn.modules.container\nSequential\n)\x81q\0}(${text('_parameters')}}${text('_modules')}${children}ub`;

describe('reading a pickle so that it can be written again', () => {
  const same: readonly [what: string, bytes: Uint8Array][] = [
    [
      'whole numbers of every width',
      pickle(
        '(',
        'K',
        5,
        'M',
        0,
        1,
        'J',
        0,
        0,
        1,
        0,
        'J',
        255,
        255,
        255,
        255,
        0x8a,
        9,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        64,
        'tq',
        0,
      ),
    ],
    ['a float beside the same whole number', pickle('G\x3f\xf0\0\0\0\0\0\0K', 1, 0x86, 'q', 0)],
    [
      'a string that is fetched again, and one that is only equal',
      pickle(`${text('ab')}q\0h\0${text('ab')}q\x01`, 0x87, 'q', 2),
    ],
    [
      'an object with items, entries and state',
      pickle('ccollections\nOrderedDict\nq\0)Rq\x01', `${text('a')}q\x02Nsh\0)Rq\x03b`),
    ],
    ['a class named "b c" of "a", and one named "c" of "a b"', pickle('ca\nb c\nq\0ca b\nc\nq\x01', 0x86, 'q', 2)],
    ['a list that is shared', pickle(']q\0Nah\0', 0x86, 'q', 1)],
  ];
  for (const [what, bytes] of same) {
    it(`${what}: the same bytes`, () => {
      assert.deepEqual(Buffer.from(writePickle(readExactPickle(bytes, 'data.pkl'))), Buffer.from(bytes));
    });
  }

  const broken: readonly [what: string, bytes: Uint8Array, code: string][] = [
    ['an opcode that torch.save does not write', pickle('I1\n'), 'E_EXPORT_MODULE'],
    ['a stack that is empty', pickle('0'), 'E_EXPORT_MODULE'],
    ['a REDUCE without arguments', pickle('R'), 'E_PICKLE_STACK'],
    ['items for a number', pickle('K', 1, 'Na'), 'E_PICKLE_TYPE'],
    ['a key without a value', pickle('}(K', 1, 'u'), 'E_PICKLE_STACK'],
    ['a memo entry that was never stored', pickle('h', 9), 'E_PICKLE_MEMO'],
    ['an end in the middle', pickle('X', 9, 0, 0, 0, 'a'), 'E_PICKLE_TRUNCATED'],
  ];
  for (const [what, bytes, code] of broken) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readExactPickle(bytes, 'data.pkl'), { code });
    });
  }

  const rewrite = (bytes: Uint8Array) =>
    planModuleFile(
      {
        root: readExactPickle(bytes, 'data.pkl'),
        twins: new Map(),
        evaluates: true,
        storage: () => async () => new Uint8Array(0),
      },
      { archiveName: 'a', style: '1.13', engine: 'onednn' },
    );

  it('copies a module', () => {
    assert.ok(rewrite(pickle(moduleOf('}'))).size > 0);
  });

  const refused: readonly [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['a module that contains itself', pickle(moduleOf(`}${text('a')}h\0s`)), /contains itself/],
    [
      'a list inside a thousand others',
      pickle(moduleOf(`}${text('a')}${']'.repeat(1_200)}${'a'.repeat(1_199)}s`)),
      /too deeply/,
    ],
    ['a number', pickle('K', 1), /does not hold one module/],
    ['a persistent id of something else', pickle(moduleOf(`}${text('a')}(${text('file')}tQs`)), /no storage/],
  ];
  for (const [what, bytes, message] of refused) {
    it(`does not copy ${what}`, () => {
      assert.throws(() => rewrite(bytes), { code: 'E_EXPORT_MODULE', message });
    });
  }
});
