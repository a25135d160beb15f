import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { openBytes } from '../support/fixtures';
import { exercise, tensorRejection } from '../support/hostile';
import {
  dict,
  fourFloats,
  global,
  int,
  ints,
  long,
  type Piece,
  pickle,
  proto2,
  reduce,
  stateDict,
  storage,
  tensor,
  text,
  torchFile,
  tuple,
} from '../support/pickleBuilder';

const huge = 2n ** 62n;
const largest = 2n ** 53n - 1n;

interface Case {
  readonly name: string;
  readonly value: Piece;
  readonly code: string;
  /** The opcode that is to blame, where that is not the REDUCE that makes the tensor. */
  readonly at?: 'persistent id';
}

const refused: readonly Case[] = [
  {
    name: 'promises more elements than its record has',
    value: tensor({ numel: 5 }),
    code: 'E_PT_STORAGE_SHORT',
    at: 'persistent id',
  },
  {
    name: 'promises 2^53 - 1 elements',
    value: tensor({ numel: largest }),
    code: 'E_PT_STORAGE_SHORT',
    at: 'persistent id',
  },
  { name: 'promises 2^62 elements', value: tensor({ numel: huge }), code: 'E_PT_ARGUMENT', at: 'persistent id' },
  { name: 'promises -1 elements', value: tensor({ numel: -1 }), code: 'E_PT_ARGUMENT', at: 'persistent id' },
  { name: 'has no record', value: tensor({ key: '9' }), code: 'E_PT_STORAGE_MISSING', at: 'persistent id' },
  {
    name: 'names a record outside data',
    value: tensor({ key: '../version' }),
    code: 'E_PT_STORAGE_MISSING',
    at: 'persistent id',
  },
  {
    name: 'names an absolute record',
    value: tensor({ key: '/etc/passwd' }),
    code: 'E_PT_STORAGE_MISSING',
    at: 'persistent id',
  },
  {
    name: 'names __proto__ as its record',
    value: tensor({ key: '__proto__' }),
    code: 'E_PT_STORAGE_MISSING',
    at: 'persistent id',
  },
  {
    name: 'names its record with a megabyte',
    value: tensor({ key: 'k'.repeat(1 << 20) }),
    code: 'E_PT_STORAGE_MISSING',
    at: 'persistent id',
  },
  { name: 'starts one element too late', value: tensor({ offset: int(1) }), code: 'E_TENSOR_OOB' },
  { name: 'has one row too many', value: tensor({ size: ints(3, 2) }), code: 'E_TENSOR_OOB' },
  { name: 'strides too far', value: tensor({ stride: ints(3, 1) }), code: 'E_TENSOR_OOB' },
  { name: 'has a negative offset', value: tensor({ offset: int(-1) }), code: 'E_TENSOR_OOB' },
  { name: 'has a negative size', value: tensor({ size: ints(-2, 2) }), code: 'E_TENSOR_OOB' },
  { name: 'has a negative stride', value: tensor({ stride: ints(2, -1) }), code: 'E_TENSOR_OOB' },
  { name: 'has two negative sizes', value: tensor({ size: ints(-2, -2) }), code: 'E_TENSOR_OOB' },
  { name: 'starts at 2^62', value: tensor({ offset: long(huge) }), code: 'E_PT_ARGUMENT' },
  { name: 'has a size of 2^62', value: tensor({ size: ints(huge, 2) }), code: 'E_PT_ARGUMENT' },
  { name: 'has a stride of 2^62', value: tensor({ stride: ints(huge, 1) }), code: 'E_PT_ARGUMENT' },
  {
    name: 'has a size of nine bytes',
    value: tensor({ size: tuple([0x8a, 9, new Uint8Array(9).fill(0x7f)]) }),
    code: 'E_PT_ARGUMENT',
  },
  {
    name: 'has sizes whose product is 2^66',
    value: tensor({ size: ints(2n ** 33n, 2n ** 33n) }),
    code: 'E_TENSOR_OOB',
  },
  {
    name: 'has sizes that multiply to 0 in 64 bits',
    value: tensor({ size: ints(2n ** 32n, 2n ** 32n), stride: ints(2n ** 32n, 1) }),
    code: 'E_TENSOR_OOB',
  },
  {
    name: 'repeats 16 bytes beyond every number',
    value: tensor({ size: ints(largest, largest), stride: ints(0, 0) }),
    code: 'E_TENSOR_OOB',
  },
  {
    name: 'repeats 16 bytes for a terabyte',
    value: tensor({ size: ints(1_000_000, 1_000_000), stride: ints(0, 0) }),
    code: 'E_TENSOR_LIMIT',
  },
  {
    name: 'is empty, but multiplies to no number',
    value: tensor({ size: ints(0, ...Array<bigint>(40).fill(largest)), stride: ints(...Array<number>(41).fill(0)) }),
    code: 'E_TENSOR_OOB',
  },
  { name: 'has more sizes than strides', value: tensor({ size: ints(2, 2, 1) }), code: 'E_TENSOR_OOB' },
  { name: 'has more strides than sizes', value: tensor({ stride: ints(2, 1, 1) }), code: 'E_TENSOR_OOB' },
  { name: 'has 10,000 dimensions', value: tensor({ size: ints(...Array<number>(10_000).fill(1)) }), code: 'E_PT_RANK' },
  {
    name: 'has a float as size',
    value: tensor({ size: tuple(['G', 0x3f, 0xf8, new Uint8Array(6)], int(2)) }),
    code: 'E_PT_ARGUMENT',
  },
  { name: 'has a bool as stride', value: tensor({ stride: tuple(0x88, int(1)) }), code: 'E_PT_ARGUMENT' },
  { name: 'has text as offset', value: tensor({ offset: text('0') }), code: 'E_PT_ARGUMENT' },
  { name: 'has None as size', value: tensor({ size: 'N' }), code: 'E_PT_ARGUMENT' },
  { name: 'has a dict as size', value: tensor({ size: '}' }), code: 'E_PT_ARGUMENT' },
  { name: 'has no storage', value: tensor({ storage: 'N' }), code: 'E_PT_ARGUMENT' },
  {
    name: 'has the wrong persistent id',
    value: tensor({ storage: [tuple(text('evil')), 'Q'] }),
    code: 'E_PT_ARGUMENT',
    at: 'persistent id',
  },
  { name: 'has an empty persistent id', value: tensor({ storage: ')Q' }), code: 'E_PT_ARGUMENT', at: 'persistent id' },
  {
    name: 'has a persistent id of text',
    value: tensor({ storage: 'Pstorage\n' }),
    code: 'E_PT_ARGUMENT',
    at: 'persistent id',
  },
  {
    name: 'is stored in no storage class',
    value: tensor({ type: global('posix', 'system') }),
    code: 'E_PT_DTYPE',
    at: 'persistent id',
  },
  {
    name: 'is stored in an unknown element type',
    value: tensor({ type: global('torch', 'Float3Storage') }),
    code: 'E_PT_DTYPE',
    at: 'persistent id',
  },
  {
    name: 'is stored in toString',
    value: tensor({ type: global('torch', 'toStringStorage') }),
    code: 'E_PT_DTYPE',
    at: 'persistent id',
  },
  {
    name: 'has no arguments at all',
    value: [global('torch._utils', '_rebuild_tensor_v2'), ')R'],
    code: 'E_PT_ARGUMENT',
  },
  {
    name: 'has a list for arguments',
    value: [global('torch._utils', '_rebuild_tensor_v2'), ']R'],
    code: 'E_PT_ARGUMENT',
  },
  { name: 'gets items after it was built', value: [tensor(), text('k'), 'Ns'], code: 'E_PICKLE_TYPE' },
  { name: 'gets elements appended', value: [tensor(), 'Na'], code: 'E_PICKLE_TYPE' },
  { name: 'was saved on the meta device', value: metaTensor(), code: 'E_PT_META' },
  {
    name: 'is of version 3 without a dtype',
    value: reduce(global('torch._utils', '_rebuild_tensor_v3'), storage(), int(0), ints(2), ints(1), 0x89, '}'),
    code: 'E_PT_DTYPE',
  },
  { name: 'is of version 3 with an unknown dtype', value: version3('float3_x'), code: 'E_PT_DTYPE' },
  { name: 'is of version 3 and wider than its bytes', value: version3('complex128'), code: 'E_TENSOR_OOB' },
  {
    name: 'is quantized by an unknown scheme',
    value: quantized(tuple(global('torch', 'per_galaxy'))),
    code: 'E_PT_QPARAMS',
  },
  { name: 'is quantized by nothing', value: quantized('N'), code: 'E_PT_QPARAMS' },
  ...['0000000000000000', 'bff0000000000000', '7ff0000000000000', '7ff8000000000000'].map((bits) => ({
    name: `has the scale 0x${bits}`,
    value: quantized(tuple(global('torch', 'per_tensor_affine'), ['G', Buffer.from(bits, 'hex')], int(0))),
    code: 'E_PT_QPARAMS',
  })),
  {
    name: 'has a scale of text',
    value: quantized(tuple(global('torch', 'per_tensor_affine'), text('1'), int(0))),
    code: 'E_PT_QPARAMS',
  },
  { name: 'is quantized along axis 7', value: quantized(perChannel(7, tensor(), tensor())), code: 'E_PT_QPARAMS' },
  { name: 'is quantized along axis -1', value: quantized(perChannel(-1, tensor(), tensor())), code: 'E_PT_QPARAMS' },
  {
    name: 'has four scales for two rows',
    value: quantized(perChannel(0, tensor({ size: ints(4), stride: ints(1) }), tensor())),
    code: 'E_PT_QPARAMS',
  },
  { name: 'has no scales', value: quantized(perChannel(0, 'N', 'N')), code: 'E_PT_QPARAMS' },
  { name: 'reaches outside although quantized', value: quantized(scheme(), ints(300, 2)), code: 'E_TENSOR_OOB' },
];

function metaTensor(): Piece {
  return reduce(
    global('torch._utils', '_rebuild_meta_tensor_no_storage'),
    global('torch', 'float32'),
    ints(2),
    ints(1),
    0x89,
  );
}

function version3(dtype: string): Piece {
  const args = [storage(), int(0), ints(4), ints(1), 0x89, '}', global('torch', dtype)];
  return reduce(global('torch._utils', '_rebuild_tensor_v3'), ...args);
}

function scheme(): Piece {
  return tuple(global('torch', 'per_tensor_affine'), ['G', 0x3f, 0xf0, new Uint8Array(6)], int(0));
}

function perChannel(axis: number, scales: Piece, zeroPoints: Piece): Piece {
  return tuple(global('torch', 'per_channel_affine'), scales, zeroPoints, int(axis));
}

function quantized(qparams: Piece, size: Piece = ints(2, 2)): Piece {
  const codes = storage({ type: global('torch', 'QInt8Storage') });
  return reduce(global('torch._utils', '_rebuild_qtensor'), codes, int(0), size, ints(2, 1), qparams, 0x89, '}');
}

/** Where the opcode stands that makes the tensor "bad", or that names its storage. */
function blamed(data: Uint8Array, at: Case['at']): number {
  const bytes = Buffer.from(data);
  if (at === undefined) return bytes.lastIndexOf('R');
  const start = bytes.lastIndexOf('bad');
  const text = bytes.indexOf('Pstorage', start);
  return text > 0 ? text : bytes.indexOf('Q', bytes.indexOf('_rebuild', start));
}

describe('a tensor that cannot be', function () {
  this.timeout(20_000);

  for (const { name, value, code, at } of refused) {
    it(`is listed and refused with ${code} when it ${name}`, async () => {
      const data = stateDict(['bad', value]);
      const file = await openBytes(torchFile(data));
      assert.deepEqual(
        file.tensors.map((named) => named.name),
        ['w', 'bad'],
      );
      const details = await tensorRejection(file, 'bad');
      // Too large for memory is no fault of the pickle.
      const offset = code === 'E_TENSOR_LIMIT' ? undefined : blamed(data, at);
      assert.deepEqual([details.code, details.where?.offset], [code, offset]);
      const sound = await file.readTensor(file.tensors[0].tensor, neverAborted);
      assert.deepEqual(sound, fourFloats, 'the sound tensor beside it still reads');
      if (code !== 'E_TENSOR_LIMIT') assert.ok(file.warnings.some((warning) => warning.code === code));
    });
  }

  it('is explained with the element it would need and the elements there are', async () => {
    const file = await openBytes(torchFile(stateDict(['bad', tensor({ offset: int(1) })])));
    const { found, expected } = await tensorRejection(file, 'bad');
    assert.equal(found, 'element 4');
    assert.equal(expected, 'a storage of more than 4 elements; it has 4');
  });

  it('ends for scales that are quantized by scales, 100,000 deep', async () => {
    const levels = 100_000;
    const open = ['h\0(h\x01', int(0), 'h\x02h\x03(', 'h\x04'];
    const data = pickle(
      proto2,
      memoized(),
      pickle(Array.from({ length: levels }, () => open)),
      'N',
      pickle(Array.from({ length: levels }, () => ['N', int(0), 't', 0x89, '}tR'])),
      '.',
    );
    await exercise(torchFile(data));
  });

  it('ends for scales and zero points that are one quantized tensor, sixty levels of them', async () => {
    const levels = Array.from({ length: 60 }, (_, i) => [
      'h\0(h\x01',
      int(0),
      'h\x02h\x03(h\x04',
      'h',
      i + 10,
      'h',
      i + 10,
      int(0),
      't',
      0x89,
      '}tRq',
      i + 11,
      '0',
    ]);
    await exercise(torchFile(pickle(proto2, memoized(), 'Nq\x0a0', levels, 'h', 70, '.')));
  });
});

/** Memo 0 to 4: the rebuilder, codes, sizes, strides and the scheme per channel; all popped again. */
function memoized(): Piece {
  return [
    [global('torch._utils', '_rebuild_qtensor'), 'q\x000'],
    [storage({ type: global('torch', 'QInt8Storage') }), 'q\x010'],
    [ints(2, 2), 'q\x020'],
    [ints(2, 1), 'q\x030'],
    [global('torch', 'per_channel_affine'), 'q\x040'],
  ];
}

/** What may stand where an argument is expected. */
const values: readonly [name: string, value: Piece][] = [
  ['None', 'N'],
  ['True', 0x88],
  ['-1', int(-1)],
  ['2^62', long(huge)],
  ['a float', ['G', 0x3f, 0xf8, new Uint8Array(6)]],
  ['text', text('x')],
  ['bytes', 'C\x01x'],
  ['a list', '](K\x02K\x02e'],
  ['a tuple of text', tuple(text('x'), text('y'))],
  ['a dict', '}'],
  ['a name', global('torch', 'float32')],
  ['a tensor', tensor()],
  ['a persistent id', [tuple(text('x')), 'Q']],
];

describe('every argument of every rebuild function, of every wrong type and number', () => {
  const sound: Readonly<Record<string, readonly Piece[]>> = {
    _rebuild_tensor: [storage(), int(0), ints(2), ints(1)],
    _rebuild_tensor_v2: [storage(), int(0), ints(2), ints(1), 0x89, '}'],
    _rebuild_tensor_v3: [storage(), int(0), ints(2), ints(1), 0x89, '}', global('torch', 'float32')],
    _rebuild_qtensor: [
      storage({ type: global('torch', 'QInt8Storage') }),
      int(0),
      ints(2),
      ints(1),
      scheme(),
      0x89,
      '}',
    ],
    _rebuild_parameter: [tensor(), 0x88, '}'],
    _rebuild_parameter_with_state: [tensor(), 0x88, '}', '}'],
    _rebuild_meta_tensor_no_storage: [global('torch', 'float32'), ints(2), ints(1), 0x89],
    _rebuild_sparse_tensor: [global('torch', 'sparse_coo'), tuple(tensor(), tensor(), ints(2))],
    _rebuild_sparse_csr_tensor: [global('torch', 'sparse_csr'), tuple(tensor(), tensor(), tensor(), ints(2, 2))],
    _rebuild_nested_tensor: [tensor(), tensor(), tensor(), tensor()],
    _rebuild_wrapper_subclass: [
      global('torch', 'Tensor'),
      global('torch', 'float32'),
      ints(2),
      ints(1),
      int(0),
      global('torch', 'strided'),
      text('cpu'),
      0x89,
    ],
    _rebuild_device_tensor_from_cpu_tensor: [tensor(), global('torch', 'float32'), text('cpu'), 0x89],
    _rebuild_device_tensor_from_numpy: ['N', global('torch', 'float32'), text('cpu'), 0x89],
  };
  for (const [name, args] of Object.entries(sound)) {
    it(`ends in a tensor or a refusal: ${name}`, async () => {
      const callee = global('torch._utils', name);
      const cases: Piece[] = [];
      for (let count = 0; count <= args.length + 2; count++)
        cases.push(reduce(callee, ...Array.from({ length: count }, (_, i) => args[i] ?? 'N')));
      for (const [i] of args.entries())
        for (const [, value] of values) cases.push(reduce(callee, ...args.map((arg, j) => (i === j ? value : arg))));
      const root = dict(cases.map((value, i) => [`case${i}`, value]));
      for (const code of await exercise(torchFile(pickle(proto2, root, '.'))))
        assert.match(code, /^E_(PT_(ARGUMENT|DTYPE|META|QPARAMS|SPARSE|WRAPPER)|TENSOR_OOB)$/);
    });
  }
});
