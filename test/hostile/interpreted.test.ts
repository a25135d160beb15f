import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { ModelFile, NamedTensor } from '../../src/formats/types';
import { openBytes } from '../support/fixtures';
import { codesOf } from '../support/hostile';
import {
  dict,
  emptyOrderedDict,
  fourFloats,
  global,
  int,
  ints,
  long,
  type Piece,
  pickle,
  proto2,
  reduce,
  storage,
  type TensorSpec,
  tensor,
  text,
  torchFile,
  tuple,
} from '../support/pickleBuilder';
import { concat, le } from '../support/zipBuilder';

/**
 * The names that Quantscope interprets itself, one row a form: what stands under "x" in the file, and
 * what is listed for it. None of them may raise an alarm.
 */

const utils = (name: string) => global('torch._utils', name);
const t = (name: string) => global('torch', name);
const half: Piece = ['G', 0x3f, 0xe0, new Uint8Array(6)];
const bytes = (data: Uint8Array): Piece => ['B', le(4, data.length), data];
const list = (...items: readonly Piece[]): Piece => [']', '(', ...items, 'e'];
const newobj = (cls: Piece, ...args: readonly Piece[]): Piece => [cls, tuple(...args), 0x81];
const built = (object: Piece, state: Piece): Piece => [object, state, 'b'];

const records = [
  ['1', BigInt64Array.of(0n, 1n, 2n)],
  ['2', BigInt64Array.of(0n, 1n)],
  ['3', BigInt64Array.of(1n, 1n)],
  ['4', Float64Array.of(0.5, 0.25)],
  ['5', BigInt64Array.of(0n, 1n, 0n, 1n)],
] as const;

/** Whole numbers of a record: 1 is [0, 1, 2], 2 is [0, 1], 3 is [1, 1], 5 is [0, 1, 0, 1]. */
function longs(key: '1' | '2' | '3' | '5', ...size: number[]): Piece {
  const numel = size.reduce((product, n) => product * n, 1);
  const stride = size.map((_, d) => size.slice(d + 1).reduce((product, n) => product * n, 1));
  return tensor({ key, type: t('LongStorage'), numel, size: ints(...size), stride: ints(...stride) });
}

const vector = (count: number, spec: TensorSpec = {}) => tensor({ size: ints(count), stride: ints(1), ...spec });
const scales = vector(2, { key: '4', type: t('DoubleStorage'), numel: 2 });
const codes = storage({ type: t('QInt8Storage'), numel: 16 });
const quantized = (qparams: Piece) =>
  reduce(utils('_rebuild_qtensor'), codes, int(0), ints(2, 8), ints(8, 1), qparams, 0x89, emptyOrderedDict);
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
const layout = (name: string) => reduce(global('torch.serialization', '_get_layout'), text(`torch.${name}`));
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

const numpyDtype = (name: string) =>
  built(
    reduce(global('numpy', 'dtype'), text(name), 0x89, 0x88),
    tuple(int(3), text('<'), 'N', 'N', 'N', int(-1), int(-1), int(0)),
  );
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

type Row = readonly [form: string, value: Piece, listed: readonly string[]];

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

const containers: readonly Row[] = [
  ['an OrderedDict', [emptyOrderedDict, '(', text('k'), tensor(), 'u'], ['x.k float32 [2, 2] 1,2,3,4']],
  [
    'an OrderedDict of Python 2',
    reduce(global('collections', 'OrderedDict'), list(list(text('k'), tensor()))),
    ['x.k float32 [2, 2] 1,2,3,4'],
  ],
  [
    'an OrderedDict with metadata',
    built([emptyOrderedDict, '(', text('k'), tensor(), 'u'], dict([['_metadata', emptyOrderedDict]])),
    ['x.k float32 [2, 2] 1,2,3,4'],
  ],
  [
    'a defaultdict',
    [reduce(global('collections', 'defaultdict'), global('__builtin__', 'list')), '(', text('k'), tensor(), 'u'],
    ['x.k float32 [2, 2] 1,2,3,4'],
  ],
  ['a Counter', reduce(global('collections', 'Counter'), dict([['k', int(2)]])), []],
  ['a deque', reduce(global('collections', 'deque'), list(tensor()), int(5)), ['x.0.0 float32 [2, 2] 1,2,3,4']],
  ['a list of integers of TorchScript', reduce(global('torch.jit._pickle', 'build_intlist'), list(int(1))), []],
  [
    'a list of tensors of TorchScript',
    reduce(global('torch.jit._pickle', 'build_tensorlist'), list(tensor())),
    ['x.0.0 float32 [2, 2] 1,2,3,4'],
  ],
  ['a list of doubles of TorchScript', reduce(global('torch.jit._pickle', 'build_doublelist'), list(half)), []],
  ['a list of bools of TorchScript', reduce(global('torch.jit._pickle', 'build_boollist'), list(0x88)), []],
  [
    'a type tag of TorchScript',
    reduce(global('torch.jit._pickle', 'restore_type_tag'), list(tensor()), text('List[Tensor]')),
    ['x.0.0 float32 [2, 2] 1,2,3,4'],
  ],
  ['a constant of TorchScript', reduce(global('torch.jit._pickle', 'build_tensor_from_id'), int(0)), []],
  [
    'a packed Linear',
    built(
      newobj(t('ScriptObject')),
      tuple(
        tuple(quantized(tuple(t('per_tensor_affine'), half, int(3))), 'N'),
        text('__torch__.torch.classes.quantized.LinearPackedParamsBase'),
      ),
    ),
    ['x.weight qint8 [2, 8] 16 bytes per tensor 0.5 3'],
  ],
  [
    'an object that copyreg makes',
    built(
      reduce(
        global('copy_reg', '_reconstructor'),
        global('collections', 'OrderedDict'),
        global('__builtin__', 'object'),
        'N',
      ),
      dict([]),
    ),
    [],
  ],
];

const leaves: readonly (readonly [form: string, value: Piece])[] = [
  ...'float64 float32 float16 bfloat16 float8_e4m3fn complex32 complex64 complex128 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool qint8 quint8 qint32 quint4x2 quint2x4 bits8 per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams Tensor'
    .split(' ')
    .map((name): [string, Piece] => [`torch.${name}`, t(name)]),
  ['torch.Size', reduce(t('Size'), ints(2, 3))],
  ['torch.device of one text', reduce(t('device'), text('cuda:0'))],
  ['torch.device of a text and a number', reduce(t('device'), text('cuda'), int(0))],
  ['a layout', layout('strided')],
  ['a sparse tensor class of 0.1', global('torch.sparse', 'FloatTensor')],
  ['a sparse tensor class of 0.1, on CUDA', global('torch.cuda.sparse', 'FloatTensor')],
  ['_codecs.encode', reduce(global('_codecs', 'encode'), text('\u00e9'), text('latin1'))],
  ...['bytes', 'bytearray', 'set', 'frozenset', 'list', 'dict', 'tuple', 'object', 'int', 'float', 'bool', 'str'].map(
    (name): [string, Piece] => [`builtins.${name}`, reduce(global('builtins', name))],
  ),
  ...['long', 'unicode', 'xrange'].map((name): [string, Piece] => [`__builtin__.${name}`, global('__builtin__', name)]),
  ['complex', reduce(global('builtins', 'complex'), half, half)],
  ['slice', reduce(global('builtins', 'slice'), int(0), int(2), int(1))],
  ['range', reduce(global('builtins', 'range'), int(0), int(2), int(1))],
  ['numpy.dtype', numpyDtype('f8')],
  [
    'a numpy scalar',
    reduce(global('numpy.core.multiarray', 'scalar'), numpyDtype('f4'), bytes(fourFloats.slice(0, 4))),
  ],
  ['a numpy generator', reduce(global('numpy.random._pickle', '__randomstate_ctor'), text('MT19937'))],
  ['a numpy RandomState', newobj(global('numpy.random.mtrand', 'RandomState'))],
  ['a date', reduce(global('datetime', 'datetime'), ['C', 10, new Uint8Array(10).fill(7)])],
  ['a path', reduce(global('pathlib', 'PosixPath'), text('a'))],
  ['a path of Python 3.13', reduce(global('pathlib._local', 'PosixPath'), text('a'))],
  ['a path of Windows', reduce(global('pathlib', 'WindowsPath'), text('a'))],
  ['a namespace', built(newobj(global('argparse', 'Namespace')), dict([['lr', half]]))],
  ['a UUID', built(newobj(global('uuid', 'UUID')), dict([['int', long(1n)]]))],
  ['a decimal', reduce(global('decimal', 'Decimal'), text('1.5'))],
];

/** A file with a value under "x" and a sound tensor "w" behind it. */
function open(value: Piece): Promise<ModelFile> {
  const root = dict([
    ['x', value],
    ['w', tensor()],
  ]);
  const extra = records.map(([key, { buffer }]) => ({ name: `model/data/${key}`, data: new Uint8Array(buffer) }));
  return openBytes(torchFile(pickle(proto2, root, '.'), extra));
}

async function line(file: ModelFile, { name, tensor: record }: NamedTensor): Promise<string> {
  const { dtype, shape, problem, quantization, negated, requiresGrad } = record;
  if (problem !== undefined) return `${name} ${problem.code}`;
  const data = (await file.readTensor(record, neverAborted)).slice().buffer;
  const values =
    dtype === 'float32'
      ? new Float32Array(data).join()
      : dtype === 'int64'
        ? new BigInt64Array(data).join()
        : `${data.byteLength} bytes`;
  const scheme =
    quantization === undefined
      ? ''
      : quantization.scheme === 'per_tensor'
        ? ` per tensor ${quantization.scale} ${quantization.zeroPoint}`
        : ` per channel ${quantization.axis}`;
  const flags = `${negated === undefined ? '' : ` ${negated}`}${requiresGrad ? ' grad' : ''}`;
  return `${name} ${dtype} [${shape.join(', ')}] ${values}${scheme}${flags}`;
}

async function listedOf(file: ModelFile): Promise<string[]> {
  assert.equal(file.tensors.at(-1)?.name, 'w');
  return Promise.all(file.tensors.slice(0, -1).map((named) => line(file, named)));
}

describe('what Quantscope interprets in a pickle, as data', () => {
  for (const [form, value, listed] of [...rebuilt, ...containers]) {
    it(`${form}: ${listed.join('; ') || 'no tensor'}`, async () => {
      const file = await open(value);
      assert.deepEqual(await listedOf(file), listed);
      assert.deepEqual(
        file.safety.globals.filter(({ verdict }) => verdict !== 'safe'),
        [],
      );
      const told = listed.flatMap((one) => /E_\w+/.exec(one) ?? []);
      assert.deepEqual(
        codesOf(file).filter((code) => code !== 'E_PT_STORAGE_LONG'),
        told,
      );
    });
  }

  for (const [form, value] of leaves) {
    it(`${form}: raises no alarm and hides no tensor`, async () => {
      const file = await open(value);
      assert.deepEqual([file.safety.verdict, codesOf(file), await listedOf(file)], ['safe', [], []]);
    });
  }

  for (const [kind, dtype] of Object.entries(storageTypes)) {
    for (const module of ['torch', 'torch.cuda']) {
      it(`${module}.${kind}Storage: ${dtype}`, async () => {
        const file = await open(stored(module, `${kind}Storage`));
        assert.deepEqual([file.tensors[0].tensor.dtype, file.safety.verdict], [dtype, 'safe']);
      });
    }
  }

  for (const name of ['TypedStorage', 'UntypedStorage', '_TypedStorage', '_UntypedStorage']) {
    it(`torch.storage.${name}: counts bytes`, async () => {
      const file = await open(stored('torch.storage', name));
      assert.deepEqual([file.tensors[0].tensor.dtype, file.safety.verdict], ['uint8', 'safe']);
    });
  }

  it('a location and a key of Python 2, which are bytes', async () => {
    const id = tuple(text('storage'), t('FloatStorage'), ['U', 1, '0'], ['U', 3, 'cpu'], int(4));
    const file = await open(tensor({ storage: [id, 'Q'] }));
    assert.deepEqual(await listedOf(file), whole);
  });

  it('but _codecs.encode only to latin-1, of characters that it has', async () => {
    for (const [characters, codec] of [
      ['\u0100', 'latin1'],
      ['a', 'rot13'],
    ]) {
      const made = reduce(global('_codecs', 'encode'), text(characters), text(codec));
      const array = reduce(global('numpy.core.numeric', '_frombuffer'), made, numpyDtype('i1'), ints(1), text('C'));
      assert.deepEqual(await listedOf(await open(array)), []);
    }
    const made = reduce(global('_codecs', 'encode'), text('\u00e9'), text('latin1'));
    const array = reduce(global('numpy.core.numeric', '_frombuffer'), made, numpyDtype('i1'), ints(1), text('C'));
    assert.deepEqual(await listedOf(await open(array)), ['x int8 [1] 1 bytes']);
  });
});

/** Functions that run code or read files, in modules that are otherwise harmless. */
const functions =
  '_io.FileIO io.open _io.open_code codecs.open torch.load torch.serialization.load torch.jit.load torch.jit._serialization.load torch.hub.load torch.package.PackageImporter torch.ops.load_library torch.classes.load_library torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline torch.storage._load_from_bytes torch.distributed.rpc.rpc_sync torch.distributed.rpc.rpc_async torch.distributed.rpc.remote torch.distributed.rpc.RemoteModule torch._dynamo.guards.GuardBuilder.get torch._inductor.codecache.compile_file torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression torch.jit.unsupported_tensor_ops.execWrapper torch.utils._config_module.ConfigModule.load_config torch.utils.bottleneck.__main__.run_cprofile torch.utils.bottleneck.__main__.run_autograd_prof torch.utils.collect_env.run torch.utils.collect_env.run_and_read_all torch.utils.data.datapipes.utils.decoder.basichandlers torch.fx.graph_module.reduce_graph_module torch.fx.graph_module.reduce_package_graph_module torch.fx.graph_module._exec_with_source numpy.load numpy.ctypeslib.load_library numpy.testing._private.utils.runstring pandas.read_pickle joblib.load sklearn.externals.joblib.load keras.models.load_model tensorflow.raw_ops.load_library tensorflow.load_library transformers.AutoModel.from_pretrained'.split(
    ' ',
  );

const builtinsFlagged =
  'eval exec compile open __import__ getattr setattr delattr hasattr globals locals vars input breakpoint apply execfile file reload memoryview type super property classmethod staticmethod map filter print dir callable'.split(
    ' ',
  );

const scanners = ['fickling', 'picklescan', 'modelscan', 'modelaudit', 'model_unpickler', 'saferpickle'];

describe('what would run if Python loaded the file', () => {
  const named = [
    ...functions.map((full) => [full.slice(0, full.lastIndexOf('.')), full.slice(full.lastIndexOf('.') + 1)]),
    ...builtinsFlagged.flatMap((name) => [
      ['builtins', name],
      ['__builtin__', name],
    ]),
    ...scanners.map((module) => [module, 'hook']),
  ] as const;

  for (const [module, name] of named) {
    it(`is told for ${module}.${name}, called or only named`, async () => {
      for (const [value, use] of [
        [reduce(global(module, name), text('x')), 'called'],
        [global(module, name), 'referenced'],
      ] as const) {
        const file = await open(value);
        const [judged] = file.safety.globals;
        assert.deepEqual([file.safety.verdict, judged.use, judged.name], ['dangerous', use, name]);
        const consequence = scanners.includes(module)
          ? 'tries to disable scanners'
          : `Python would run ${module}.${name} while loading this file`;
        assert.equal(judged.reason, consequence);
        const { message } = file.warnings.find(({ code }) => code === 'E_PICKLE_DANGEROUS') ?? assert.fail();
        assert.ok(message.startsWith(`This file asks Python to run ${module}.${name}. Quantscope did not run it.`));
        assert.equal(message.includes(', named but not called'), use === 'referenced', message);
      }
    });
  }
});
