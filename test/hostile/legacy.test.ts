import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { openBytes, readFixture } from '../support/fixtures';
import { codesOf, exercise, rejection, tensorRejection } from '../support/hostile';
import {
  dict,
  fourFloats,
  global,
  int,
  type Piece,
  pickle,
  proto2,
  storage,
  tensor,
  text,
  torchFile,
  tuple,
} from '../support/pickleBuilder';
import { type Member, torchMembers as members, tar } from '../support/tarBuilder';
import { concat, le, utf8 } from '../support/zipBuilder';

interface Stream {
  readonly magic?: Piece;
  readonly protocol?: number;
  readonly littleEndian?: boolean;
  readonly object?: Uint8Array;
  readonly keys?: readonly Piece[];
  /** Count and bytes of each storage. */
  readonly storages?: readonly (readonly [count: bigint, bytes: Uint8Array])[];
  readonly behind?: Uint8Array;
}

const magicNumber = [0x8a, 10, Uint8Array.of(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)];
const sound = pickle(proto2, dict([['w', tensor()]]), '.');

/** A file of torch.save before 1.6, every part of which can be set by hand. */
function stream({
  magic = magicNumber,
  protocol = 1001,
  littleEndian = true,
  object = sound,
  keys,
  storages,
  behind,
}: Stream = {}): Uint8Array {
  return concat(
    pickle(proto2, magic, '.'),
    pickle(proto2, int(protocol), '.'),
    pickle(proto2, dict([['little_endian', littleEndian ? 0x88 : 0x89]]), '.'),
    object,
    pickle(proto2, ']', '(', ...(keys ?? [text('0')]), 'e.'),
    ...(storages ?? [[4n, fourFloats]]).flatMap(([count, bytes]) => [le(8, count), bytes]),
    behind ?? new Uint8Array(0),
  );
}

describe('the stream of PyTorch before 1.6', () => {
  it('opens, and its tensor reads', async () => {
    const file = await openBytes(stream());
    assert.equal(file.format, 'torch-legacy');
    assert.deepEqual(file.warnings, []);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), fourFloats);
  });

  it('reads a view of another storage from where it starts', async () => {
    const view = tuple(text('1'), int(2), int(2));
    const id = tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(4), view);
    const whole = pickle(
      proto2,
      dict([['w', tensor({ storage: [id, 'Q'], size: tuple(int(2)), stride: tuple(int(1)) })]]),
      '.',
    );
    const file = await openBytes(stream({ object: whole }));
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), fourFloats.subarray(8));
  });

  const refused: readonly [name: string, bytes: Uint8Array, code: string, offset: number][] = [
    ['another protocol', stream({ protocol: 1002 }), 'E_PT_PROTOCOL', 15],
    ['no storage keys', stream().subarray(0, 15 + 8 + 30), 'E_PICKLE_TRUNCATED', 52],
  ];
  for (const [name, bytes, code, offset] of refused) {
    it(`refuses ${name} with ${code} at byte ${offset}`, async () => {
      const details = await rejection(bytes);
      assert.deepEqual([details.code, details.where?.offset], [code, offset]);
    });
  }

  it('takes a magic number that is one too large for a plain pickle', async () => {
    const magic = [0x8a, 10, Uint8Array.of(0x6d, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)];
    assert.equal((await openBytes(stream({ magic }))).format, 'pickle');
  });

  it('takes a magic number that a call would make for a plain pickle, and flags the call', async () => {
    const magic = [global('builtins', 'eval'), tuple(text('0x1950a86a20f9469cfc6c')), 'R'];
    const file = await openBytes(stream({ magic }));
    assert.equal(file.format, 'pickle');
    assert.equal(file.safety.verdict, 'dangerous');
  });

  it('L-01: reads little-endian numbers although the file names a big-endian machine, as PyTorch 1.13 and 2.13 do', async () => {
    const file = await openBytes(stream({ littleEndian: false }));
    assert.deepEqual(codesOf(file), ['E_PT_BYTEORDER']);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), fourFloats);
  });

  const partial: readonly [name: string, spec: Stream, code: string][] = [
    ['a count of 2^63', { storages: [[2n ** 63n, fourFloats]] }, 'E_PT_LEGACY_COUNT'],
    ['a count of -1', { storages: [[-1n, fourFloats]] }, 'E_PT_LEGACY_COUNT'],
    ['a count that is not the pickle’s', { storages: [[3n, fourFloats]] }, 'E_PT_LEGACY_COUNT'],
    ['a file that ends inside a storage', { storages: [[4n, fourFloats.subarray(0, 9)]] }, 'E_PT_LEGACY_SHORT'],
    ['a file that ends before a storage', { storages: [] }, 'E_PT_LEGACY_SHORT'],
    ['a key that nothing names', { keys: [text('7')] }, 'E_PT_LEGACY_KEY'],
    ['bytes behind the storages', { behind: utf8('BAD') }, 'E_PT_TRAILING'],
    ['an archive behind the storages', { behind: torchFile(sound) }, 'E_PT_TWO_MODELS'],
    [
      'one key twice',
      {
        keys: [text('0'), text('0')],
        storages: [
          [4n, fourFloats],
          [4n, fourFloats],
        ],
      },
      'E_PT_LEGACY_KEY',
    ],
  ];
  for (const [name, spec, code] of partial) {
    it(`opens with ${name} and warns with ${code}`, async () => {
      const file = await openBytes(stream(spec));
      assert.ok(
        file.warnings.some((warning) => warning.code === code),
        JSON.stringify(file.warnings),
      );
      assert.equal(file.tensors.length, 1);
    });
  }

  it('keeps the storages in front of a damaged one', async () => {
    const object = pickle(
      proto2,
      dict([
        ['a', tensor()],
        ['b', tensor({ storage: storage({ key: '1' }) })],
      ]),
      '.',
    );
    const file = await openBytes(
      stream({
        object,
        keys: [text('0'), text('1')],
        storages: [
          [4n, fourFloats],
          [99n, fourFloats],
        ],
      }),
    );
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), fourFloats);
    assert.equal((await tensorRejection(file, 'b')).code, 'E_PT_STORAGE_MISSING');
  });

  it('refuses a view outside its root', async () => {
    const view = tuple(text('1'), int(3), int(2));
    const id = tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(4), view);
    const object = pickle(proto2, dict([['w', tensor({ storage: [id, 'Q'] })]]), '.');
    assert.equal((await tensorRejection(await openBytes(stream({ object })), 'w')).code, 'E_PT_ARGUMENT');
  });

  it('ends in an answer or a refusal when it is cut at any byte', async () => {
    const whole = await readFixture('torch-2.13', 'recipe_lstm.legacy.pth');
    for (let length = 1; length < whole.length; length++) await exercise(whole.subarray(0, length));
  });
});

describe('the tar archive of PyTorch 0.1', () => {
  it('ID-09: is read in place: tensors, and tensors on a part of a storage', async () => {
    const file = await openBytes(tar(members()));
    assert.equal(file.format, 'torch-tar');
    assert.deepEqual(file.warnings, []);
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['a', 'b'],
    );
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), fourFloats);
    assert.deepEqual(await file.readTensor(file.tensors[1].tensor, neverAborted), fourFloats.subarray(8));
  });

  it('lists a tensor that reaches outside its storage, and refuses it', async () => {
    const file = await openBytes(tar(members({ size: 5n })));
    assert.equal((await tensorRejection(file, 'a')).code, 'E_TENSOR_OOB');
    assert.deepEqual(await file.readTensor(file.tensors[1].tensor, neverAborted), fourFloats.subarray(8));
  });

  const half: Piece = ['G', le(8, 0xe03fn)];
  const notANumber: Piece = ['G', le(8, 0xf87fn)];
  const parts: readonly [what: string, offset: Piece, length: Piece][] = [
    ['half an element', half, int(2)],
    ['NaN', notANumber, int(2)],
    ['element 2 and has a length of NaN', int(2), notANumber],
    ['element 2 and has a length of a half', int(2), half],
    ['element 3 and has a length of 2', int(3), int(2)],
  ];
  for (const [what, offset, length] of parts) {
    it(`lists a tensor on a part of a storage that begins at ${what}, and refuses it`, async () => {
      const file = await openBytes(tar(members({ part: [offset, length] })));
      assert.equal((await tensorRejection(file, 'b')).code, 'E_PT_STORAGE_MISSING');
      assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), fourFloats);
    });
  }

  it('takes nothing from links and devices, whatever they are called', async () => {
    const links = ['1', '2', '3', 'x'].map((type): Member => ({ name: 'tensors', data: new Uint8Array(0), type }));
    const [system, ...rest] = members();
    const file = await openBytes(tar([system, ...links, { name: '../../etc/passwd', data: utf8('x') }, ...rest]));
    assert.equal(file.tensors.length, 2);
  });

  const refused: readonly [name: string, members: readonly Member[], code: string, offset: number][] = [
    [
      'a checksum that does not match',
      members().map((m, i) => (i === 1 ? { ...m, checksum: '000001\0 ' } : m)),
      'E_TAR_CHECKSUM',
      1024,
    ],
    [
      'a size that is no number',
      members().map((m, i) => (i === 1 ? { ...m, size: 'zzzzzzzzzzz\0' } : m)),
      'E_TAR_HEADER',
      1024 + 124,
    ],
    [
      'a member of 2^33 bytes',
      members().map((m, i) => (i === 1 ? { ...m, size: '77777777777\0' } : m)),
      'E_TAR_TRUNCATED',
      1024,
    ],
    ['no tensors', members().slice(0, 3), 'E_TAR_MEMBER', tar(members().slice(0, 3)).length],
    ['-1 dimensions', members({ rank: -1 }), 'E_TAR_MEMBER', 42],
    ['2^31 - 1 dimensions', members({ rank: 2 ** 31 - 1 }), 'E_TAR_MEMBER', 42],
    ['a size of -1', members({ size: -1n }), 'E_TAR_NUMBER', 50],
  ];
  for (const [name, list, code, offset] of refused) {
    it(`refuses ${name} with ${code} at byte ${offset}`, async () => {
      const details = await rejection(tar(list));
      assert.deepEqual([details.code, details.where?.offset], [code, offset]);
    });
  }

  it('ends in an answer or a refusal when any byte of it is changed', async () => {
    const whole = tar(members());
    for (let at = 0; at < whole.length; at += 3) {
      const bytes = whole.slice();
      bytes[at] ^= 0xff;
      await exercise(bytes);
    }
  });
});
