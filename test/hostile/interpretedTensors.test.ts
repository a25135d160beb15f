import assert from 'node:assert/strict';
import {
  built,
  bytes,
  half,
  layout,
  list,
  listedOf,
  newobj,
  numpyDtype,
  openValue,
  quantized,
  type Row,
  t,
  testRows,
  utils,
  vector,
} from '../support/interpreted';
import {
  dict,
  emptyOrderedDict,
  fourFloats,
  global,
  int,
  ints,
  type Piece,
  pickle,
  proto2,
  reduce,
  storage,
  tensor,
  text,
  tuple,
} from '../support/pickleBuilder';
import { concat, le } from '../support/zipBuilder';

/** Tensors that Quantscope rebuilds itself, and the storages that they lie in. */

/** Whole numbers of a record: 1 is [0, 1, 2], 2 is [0, 1], 3 is [1, 1], 5 is [0, 1, 0, 1]. */
function longs(key: '1' | '2' | '3' | '5', ...size: number[]): Piece {
  const numel = size.reduce((product, n) => product * n, 1);
  const stride = size.map((_, d) => size.slice(d + 1).reduce((product, n) => product * n, 1));
  return tensor({ key, type: t('LongStorage'), numel, size: ints(...size), stride: ints(...stride) });
}

const scales = vector(2, { key: '4', type: t('DoubleStorage'), numel: 2 });
const version3 = (dtype: string) => {
  const untyped = storage({ type: global('torch.storage', 'UntypedStorage'), numel: 16 });
  return reduce(utils('_rebuild_tensor_v3'), untyped, int(0), ints(1), ints(1), 0x89, emptyOrderedDict, t(dtype));
};
const metadata = (flag: string, type: string, numel: number) =>
  reduce(
    utils('_rebuild_tensor_v2'),
    storage({ type: t(type), numel }),
    int(0),
    ints(numel),
    ints(1),
    0x89,
    emptyOrderedDict,
    dict([[flag, 0x88]]),
  );
const compressed = (name: string) =>
  reduce(utils('_rebuild_sparse_tensor'), layout(name), tuple(longs('1', 3), longs('2', 2), vector(2), ints(2, 2)));
const coo = (...more: readonly Piece[]) =>
  reduce(
    utils('_rebuild_sparse_tensor'),
    layout('sparse_coo'),
    tuple(longs('5', 2, 2), vector(2), ints(2, 2), ...more),
  );

const arguments2: Piece = tuple(storage(), int(0), ints(2, 2), ints(2, 1), 0x89, emptyOrderedDict);
const fromType = (module: string, name: string) =>
  reduce(global(module, name), utils('_rebuild_tensor_v2'), t('Tensor'), arguments2, dict([]));

const ndarray = (module: string) =>
  built(
    reduce(global(module, '_reconstruct'), global('numpy', 'ndarray'), ints(0), ['C', 1, 'b']),
    tuple(int(1), ints(4), numpyDtype('f4'), 0x89, bytes(fourFloats)),
  );

/** What torch.save of one storage wrote before 1.6, which plain pickle.dump puts into bytes. */
const stream = concat(
  pickle(proto2, 0x8a, 10, Buffer.from('6cfc9c46f9206aa85019', 'hex'), '.'),
  pickle(proto2, 'M', le(2, 1001), '.'),
  pickle(proto2, dict([['little_endian', 0x88]]), '.'),
  pickle(proto2, storage(), '.'),
  pickle(proto2, list(text('0')), '.'),
  le(8, 4),
  fourFloats,
);

const whole = ['x float32 [2, 2] 1,2,3,4'];
const grad = ['x float32 [2, 2] 1,2,3,4 grad'];
const sparse = (compressedName: string, plain: string) => [
  `x.${compressedName} int64 [3] 0,1,2`,
  `x.${plain} int64 [2] 0,1`,
  'x.values float32 [2] 1,2',
];

const rebuilt: readonly Row[] = [
  ['_rebuild_tensor', reduce(utils('_rebuild_tensor'), storage(), int(0), ints(2, 2), ints(2, 1)), whole],
  ['_rebuild_tensor_v2', tensor(), whole],
  [
    '_rebuild_tensor_v2 that wants a gradient',
    [utils('_rebuild_tensor_v2'), tuple(storage(), int(0), ints(2, 2), ints(2, 1), 0x88, emptyOrderedDict), 'R'],
    grad,
  ],
  ['_rebuild_tensor_v2 with conj', metadata('conj', 'ComplexFloatStorage', 2), ['x complex64 [2] 16 bytes imaginary']],
  ['_rebuild_tensor_v2 with neg', metadata('neg', 'FloatStorage', 4), ['x float32 [4] -1,-2,-3,-4 all']],
  ...(
    [
      ['float8_e4m3fn', 1],
      ['float8_e5m2', 1],
      ['float8_e4m3fnuz', 1],
      ['float8_e5m2fnuz', 1],
      ['float8_e8m0fnu', 1],
      ['complex32', 4],
      ['float4_e2m1fn_x2', 1],
      ['bits8', 1],
      ['bits16', 2],
      ['bits1x8', 1],
      ['bits2x4', 1],
      ['bits4x2', 1],
      ['uint16', 2],
      ['uint32', 4],
      ['uint64', 8],
      ['float32', 4],
    ] as const
  ).map(
    ([dtype, size]): Row => [
      `_rebuild_tensor_v3 of ${dtype}`,
      version3(dtype),
      [dtype === 'float32' ? 'x float32 [1] 1' : `x ${dtype} [1] ${size} bytes`],
    ],
  ),
  [
    '_rebuild_qtensor per tensor',
    quantized(tuple(t('per_tensor_affine'), half, int(3))),
    ['x qint8 [2, 8] 16 bytes per tensor 0.5 3'],
  ],
  [
    '_rebuild_qtensor per channel, doubles and longs',
    quantized(tuple(t('per_channel_affine'), scales, longs('2', 2), int(0))),
    ['x qint8 [2, 8] 16 bytes per channel 0'],
  ],
  [
    '_rebuild_qtensor per channel, floats and floats',
    quantized(tuple(t('per_channel_affine'), vector(2), vector(2), int(0))),
    ['x qint8 [2, 8] 16 bytes per channel 0'],
  ],
  [
    '_rebuild_qtensor per channel, lists',
    quantized(tuple(t('per_channel_affine'), list(half, half), list(int(0), int(1)), int(0))),
    ['x qint8 [2, 8] 16 bytes per channel 0'],
  ],
  ['_rebuild_sparse_tensor, COO of 1.13', coo(), ['x.indices int64 [2, 2] 0,1,0,1', 'x.values float32 [2] 1,2']],
  ['_rebuild_sparse_tensor, COO of 2.x', coo(0x88), ['x.indices int64 [2, 2] 0,1,0,1', 'x.values float32 [2] 1,2']],
  ['_rebuild_sparse_tensor, CSR', compressed('sparse_csr'), sparse('crow_indices', 'col_indices')],
  ['_rebuild_sparse_tensor, CSC', compressed('sparse_csc'), sparse('ccol_indices', 'row_indices')],
  ...(['sparse_bsr', 'sparse_bsc'] as const).map(
    (name): Row => [
      `_rebuild_sparse_tensor, ${name}`,
      reduce(
        utils('_rebuild_sparse_tensor'),
        layout(name),
        tuple(longs('1', 3), longs('2', 2), vector(2, { size: ints(2, 1, 1), stride: ints(1, 1, 1) }), ints(2, 2)),
      ),
      [
        ...sparse(
          name === 'sparse_bsr' ? 'crow_indices' : 'ccol_indices',
          name === 'sparse_bsr' ? 'col_indices' : 'row_indices',
        ).slice(0, 2),
        'x.values float32 [2, 1, 1] 1,2',
      ],
    ],
  ),
  [
    '_rebuild_sparse_csr_tensor',
    reduce(
      utils('_rebuild_sparse_csr_tensor'),
      layout('sparse_csr'),
      tuple(longs('1', 3), longs('2', 2), vector(2), ints(2, 2)),
    ),
    sparse('crow_indices', 'col_indices'),
  ],
  [
    '_rebuild_nested_tensor',
    reduce(utils('_rebuild_nested_tensor'), vector(4), longs('3', 2, 1), longs('3', 2, 1), longs('2', 2)),
    [
      'x.buffer float32 [4] 1,2,3,4',
      'x.sizes int64 [2, 1] 1,1',
      'x.strides int64 [2, 1] 1,1',
      'x.offsets int64 [2] 0,1',
    ],
  ],
  [
    '_rebuild_njt',
    reduce(
      global('torch.nested._internal.nested_tensor', '_rebuild_njt'),
      dict([
        ['values', vector(2)],
        ['offsets', longs('1', 3)],
        ['lengths', 'N'],
        ['_ragged_idx', int(1)],
        ['_metadata_cache', dict([])],
        ['requires_grad', 0x89],
      ]),
    ),
    ['x.values float32 [2] 1,2', 'x.offsets int64 [3] 0,1,2'],
  ],
  ['_rebuild_parameter', reduce(utils('_rebuild_parameter'), tensor(), 0x88, emptyOrderedDict), grad],
  [
    '_rebuild_parameter_with_state',
    reduce(utils('_rebuild_parameter_with_state'), tensor(), 0x88, emptyOrderedDict, dict([['note', text('kept')]])),
    grad,
  ],
  ['torch._tensor._rebuild_from_type_v2', fromType('torch._tensor', '_rebuild_from_type_v2'), whole],
  ['torch.tensor._rebuild_from_type_v2', fromType('torch.tensor', '_rebuild_from_type_v2'), whole],
  ['torch._tensor._rebuild_from_type', fromType('torch._tensor', '_rebuild_from_type'), whole],
  ['torch.tensor._rebuild_from_type', fromType('torch.tensor', '_rebuild_from_type'), whole],
  [
    '_rebuild_meta_tensor_no_storage',
    reduce(utils('_rebuild_meta_tensor_no_storage'), t('float32'), ints(2), ints(1), 0x89),
    ['x E_PT_META'],
  ],
  [
    '_rebuild_wrapper_subclass',
    reduce(
      utils('_rebuild_wrapper_subclass'),
      t('Tensor'),
      t('float32'),
      ints(2),
      ints(1),
      int(0),
      layout('strided'),
      reduce(t('device'), text('cpu')),
      0x89,
    ),
    ['x E_PT_WRAPPER'],
  ],
  ...['_rebuild_device_tensor_from_numpy', '_rebuild_xla_tensor'].map(
    (name): Row => [
      name,
      reduce(utils(name), ndarray('numpy.core.multiarray'), t('float32'), text('xla:0'), 0x88),
      ['x float32 [4] 1,2,3,4 grad'],
    ],
  ),
  [
    '_rebuild_device_tensor_from_cpu_tensor',
    reduce(utils('_rebuild_device_tensor_from_cpu_tensor'), tensor(), t('float32'), text('xla:0'), 0x88),
    grad,
  ],
  [
    'torch.storage._load_from_bytes',
    tensor({ storage: reduce(global('torch.storage', '_load_from_bytes'), bytes(stream)) }),
    whole,
  ],
  ...[t('FloatTensor'), global('torch.cuda', 'FloatTensor')].map(
    (cls, i): Row => [
      `the class of a tensor of 0.1${i === 0 ? '' : ', on CUDA'}`,
      built(newobj(cls), tuple(storage(), int(0), ints(2, 2), ints(2, 1))),
      whole,
    ],
  ),
  ['torch.nn.parameter.Parameter', newobj(global('torch.nn.parameter', 'Parameter'), tensor(), 0x88), grad],
  [
    'torch.nn.parameter.Parameter with state',
    built(newobj(global('torch.nn.parameter', 'Parameter'), tensor(), 0x88), dict([])),
    grad,
  ],
  ['torch.autograd.variable.Variable', newobj(global('torch.autograd.variable', 'Variable'), tensor(), 0x88), grad],
  ['numpy.core.multiarray._reconstruct', ndarray('numpy.core.multiarray'), ['x float32 [4] 1,2,3,4']],
  ['numpy._core.multiarray._reconstruct', ndarray('numpy._core.multiarray'), ['x float32 [4] 1,2,3,4']],
  [
    'numpy.core.numeric._frombuffer',
    reduce(global('numpy.core.numeric', '_frombuffer'), bytes(fourFloats), numpyDtype('f4'), ints(4), text('C')),
    ['x float32 [4] 1,2,3,4'],
  ],
];

const storageTypes = {
  Double: 'float64',
  Float: 'float32',
  Half: 'float16',
  Long: 'int64',
  Int: 'int32',
  Short: 'int16',
  Char: 'int8',
  Byte: 'uint8',
  Bool: 'bool',
  BFloat16: 'bfloat16',
  ComplexDouble: 'complex128',
  ComplexFloat: 'complex64',
  QInt8: 'qint8',
  QUInt8: 'quint8',
  QInt32: 'qint32',
  QUInt4x2: 'quint4x2',
  QUInt2x4: 'quint2x4',
} as const;

const stored = (module: string, name: string) => vector(1, { type: global(module, name), numel: 1 });

describe('what Quantscope interprets in a pickle, as data', () => {
  testRows(rebuilt);

  for (const [kind, dtype] of Object.entries(storageTypes)) {
    for (const module of ['torch', 'torch.cuda']) {
      it(`${module}.${kind}Storage: ${dtype}`, async () => {
        const file = await openValue(stored(module, `${kind}Storage`));
        assert.deepEqual([file.tensors[0].tensor.dtype, file.safety.verdict], [dtype, 'safe']);
      });
    }
  }

  for (const name of ['TypedStorage', 'UntypedStorage', '_TypedStorage', '_UntypedStorage']) {
    it(`torch.storage.${name}: counts bytes`, async () => {
      const file = await openValue(stored('torch.storage', name));
      assert.deepEqual([file.tensors[0].tensor.dtype, file.safety.verdict], ['uint8', 'safe']);
    });
  }

  it('a location and a key of Python 2, which are bytes', async () => {
    const id = tuple(text('storage'), t('FloatStorage'), ['U', 1, '0'], ['U', 3, 'cpu'], int(4));
    const file = await openValue(tensor({ storage: [id, 'Q'] }));
    assert.deepEqual(await listedOf(file), whole);
  });
});
