import assert from 'node:assert/strict';
import { codesOf } from '../support/hostile';
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
} from '../support/interpreted';
import {
  dict,
  emptyOrderedDict,
  fourFloats,
  global,
  int,
  ints,
  long,
  type Piece,
  reduce,
  tensor,
  text,
  tuple,
} from '../support/pickleBuilder';

/** Containers and other objects that Quantscope interprets itself, and values that are no tensors. */

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

describe('what Quantscope interprets in a pickle, as data', () => {
  testRows(containers);

  for (const [form, value] of leaves) {
    it(`${form}: raises no alarm and hides no tensor`, async () => {
      const file = await openValue(value);
      assert.deepEqual([file.safety.verdict, codesOf(file), await listedOf(file)], ['safe', [], []]);
    });
  }

  it('but _codecs.encode only to latin-1, of characters that it has', async () => {
    for (const [characters, codec] of [
      ['\u0100', 'latin1'],
      ['a', 'rot13'],
    ]) {
      const made = reduce(global('_codecs', 'encode'), text(characters), text(codec));
      const array = reduce(global('numpy.core.numeric', '_frombuffer'), made, numpyDtype('i1'), ints(1), text('C'));
      assert.deepEqual(await listedOf(await openValue(array)), []);
    }
    const made = reduce(global('_codecs', 'encode'), text('\u00e9'), text('latin1'));
    const array = reduce(global('numpy.core.numeric', '_frombuffer'), made, numpyDtype('i1'), ints(1), text('C'));
    assert.deepEqual(await listedOf(await openValue(array)), ['x int8 [1] 1 bytes']);
  });
});
