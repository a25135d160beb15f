import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { ModelFile } from '../../src/formats/types';
import { openBytes, readFixture } from '../support/fixtures';
import { rejection, tensorRejection } from '../support/hostile';
import { npy, npyText } from '../support/npyBuilder';
import { readNpzFixture } from '../support/npz';
import { global, pickle, proto2, reduce, text } from '../support/pickleBuilder';
import { buildZip, type EntrySpec, utf8 } from '../support/zipBuilder';

const name = 'weights.npy';
const open = (bytes: Uint8Array) => openBytes(bytes, name);
const openNpz = (entries: readonly EntrySpec[]) => openBytes(buildZip(entries), 'arrays.npz');
const codes = ({ warnings }: ModelFile) => warnings.map(({ code }) => code);
const header = (shape: string, rest = '') =>
  npyText(`{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}${rest}}`, 4);
/** Column of the shape in such a header, counted from the start of the file. */
const shapeAt = 10 + "{'descr': '<f4', 'fortran_order': False, 'shape': ".length;

async function only(file: ModelFile): Promise<number[]> {
  assert.equal(file.tensors.length, 1);
  return [...(await file.readTensor(file.tensors[0].tensor, neverAborted))];
}

describe('numpy arrays that are refused', () => {
  const cases: readonly [row: string, what: string, bytes: () => Uint8Array, code: string, offset?: number][] = [
    ['N-02', 'a header of 4 GiB', () => npyText('{}', 0, 2, 0xffffffff), 'E_NPY_TRUNCATED', 8],
    ['N-02', 'a header of 65,535 bytes', () => npyText('{}', 0, 1, 65_535), 'E_NPY_TRUNCATED', 8],
    ['N-02', 'a header one byte longer than the file', () => npyText('{}', 0, 1, 3), 'E_NPY_TRUNCATED', 8],
    ['N-02', 'a header of 2 MiB that is there', () => npyText(' '.repeat(2 ** 21), 0, 2), 'E_NPY_LIMIT', 8],
    ['N-02', 'a file of seven bytes', () => npyText('').subarray(0, 7), 'E_NPY_TRUNCATED', 7],
    ['N-02', 'a file of eleven bytes of version 2', () => npyText('', 0, 2).subarray(0, 11), 'E_NPY_TRUNCATED', 11],
    ['N-04', 'a call', () => header("__import__('os')"), 'E_NPY_HEADER', shapeAt],
    ['N-04', 'a formatted text', () => header("f'{1}'"), 'E_NPY_HEADER', shapeAt],
    ['N-04', 'a lambda', () => header('lambda: 1'), 'E_NPY_HEADER', shapeAt],
    ['N-04', 'a sum', () => header('(1+1,)'), 'E_NPY_HEADER', shapeAt + 2],
    ['N-04', 'a negative size', () => header('(-1,)'), 'E_NPY_HEADER', shapeAt + 1],
    ['N-04', 'a number in brackets', () => header('(1)'), 'E_NPY_HEADER', 10],
    ['N-04', 'True as a size', () => header('(True,)'), 'E_NPY_HEADER', 10],
    ['N-04', 'a comprehension', () => header('{a: a for a in (1,)}'), 'E_NPY_HEADER', shapeAt + 1],
    ['N-04', 'an escape', () => header("'\\x41'"), 'E_NPY_HEADER', shapeAt + 1],
    ['N-04', 'a comment', () => header('(1,) # a'), 'E_NPY_HEADER', shapeAt + 5],
    ['N-04', 'None', () => header('None'), 'E_NPY_HEADER', shapeAt],
    ['N-04', 'a hexadecimal size', () => header('(0x10,)'), 'E_NPY_HEADER', shapeAt + 1],
    ['N-04', 'a size with a leading zero', () => header('(01,)'), 'E_NPY_HEADER', shapeAt + 1],
    ['N-05', '5,000 nested brackets', () => npyText('('.repeat(5_000), 0), 'E_NPY_HEADER', 10 + 32],
    ['N-05', 'a text of a million characters', () => npyText(`'${'x'.repeat(1_000_000)}'`, 0, 2), 'E_NPY_HEADER', 12],
    ['N-05', 'a text that does not end', () => npyText("{'descr"), 'E_NPY_HEADER', 11],
    ['N-06', 'a missing key', () => npyText("{'descr': '<f4', 'shape': (1,)}", 4), 'E_NPY_HEADER', 10],
    ['N-06', 'a further key', () => header('(1,)', ", 'x': 1"), 'E_NPY_HEADER', 10],
    ['N-06', 'a key that is there twice', () => header('(1,)', ", 'shape': (1,)"), 'E_NPY_HEADER', shapeAt + 6],
    ['N-06', 'a list', () => npyText('[]'), 'E_NPY_HEADER', 10],
    ['N-06', 'version 9.0', () => npyText('{}', 0, 9), 'E_NPY_VERSION', 6],
    ['N-10', 'more elements than can be counted', () => header('(4611686018427387904, 4)'), 'E_NPY_HEADER', 10],
    ['N-10', 'a fraction as a size', () => header('(1.5,)'), 'E_NPY_HEADER', shapeAt + 1],
    ['N-10', '65 dimensions', () => header(`(${'1,'.repeat(65)})`), 'E_NPY_HEADER', 10],
    [
      '',
      'an order that is text',
      () => npyText("{'descr': '<f4', 'fortran_order': 'no', 'shape': ()}"),
      'E_NPY_HEADER',
      10,
    ],
    ['', 'a type that numpy does not have', () => npy("'<q4'", '(1,)', 4), 'E_NPY_HEADER', 10],
    ['', 'a type that is a number', () => npy('4', '(1,)', 4), 'E_NPY_HEADER', 10],
    ['', 'text of version 3 that is not UTF-8', () => npyText(Uint8Array.of(0x7b, 0xff), 0, 3), 'E_NPY_HEADER', 12],
  ];
  for (const [row, what, bytes, code, offset] of cases) {
    it(`${row}: ${what}`, async () => {
      const details = await rejection(bytes(), name);
      assert.deepEqual([details.code, details.where?.offset], [code, offset], details.message);
    });
  }
});

describe('numpy arrays that open', () => {
  it('N-03: without the data that their shape needs, and say how much', async () => {
    const file = await open(npy("'<f4'", '(65536, 65536)', 0));
    assert.deepEqual(codes(file), ['E_NPY_CUT']);
    const { code, message } = await tensorRejection(file, 'weights');
    assert.equal(code, 'E_NPY_CUT');
    assert.match(message, /needs 17,179,869,184 bytes, but has 0/);
  });

  it('N-04: with the long numbers of Python 2, without spaces, in any order of keys', async () => {
    const file = await open(npyText("{'shape':(1L,2L),'fortran_order':False,'descr':'|u1'}", Uint8Array.of(7, 8)));
    assert.deepEqual(file.tensors[0].tensor.shape, [1, 2]);
    assert.deepEqual(await only(file), [7, 8]);
  });

  it('N-08: with bytes behind the values', async () => {
    const file = await open(npy("'|u1'", '(2,)', Uint8Array.of(1, 2, 3)));
    assert.deepEqual([codes(file), await only(file)], [['E_NPY_TRAILING'], [1, 2]]);
  });

  for (const [width, kind] of [
    [1, 'u1'],
    [2, 'i2'],
    [4, 'f4'],
    [8, 'i8'],
    [16, 'c16'],
  ] as const) {
    for (const order of ['<', '>'] as const) {
      it(`N-08: of rank 5 in Fortran's order, ${order}${kind}`, async () => {
        const shape = [2, 3, 1, 2, 4];
        const count = 48;
        const bytes = new Uint8Array(count * width);
        const half = kind === 'c16' ? 8 : width;
        // Element n in row-major order has the bytes n, n + 1, …, the first of them lowest.
        const element = (n: number) => Array.from({ length: width }, (_, i) => (n * 5 + i) & 255);
        for (let n = 0; n < count; n++) {
          let rest = n;
          const index = [0, 0, 0, 0, 0];
          for (let d = 4; d >= 0; d--) {
            index[d] = rest % shape[d];
            rest = Math.floor(rest / shape[d]);
          }
          const at = index.reduceRight((sum, i, d) => sum * shape[d] + i, 0);
          const stored = element(n);
          for (let i = 0; i < width; i += half) {
            const part = stored.slice(i, i + half);
            bytes.set(order === '>' ? part.reverse() : part, at * width + i);
          }
        }
        const file = await open(npy(`'${order}${kind}'`, '(2, 3, 1, 2, 4)', bytes, true));
        assert.deepEqual(await only(file), Array.from({ length: count }, (_, n) => element(n)).flat());
      });
    }
  }

  const dtypes: readonly [descr: string, dtype: string][] = [
    ['<f2', 'float16'],
    ['<f4', 'float32'],
    ['<f8', 'float64'],
    ['<c8', 'complex64'],
    ['<c16', 'complex128'],
    ['|i1', 'int8'],
    ['<i2', 'int16'],
    ['<i4', 'int32'],
    ['<i8', 'int64'],
    ['|u1', 'uint8'],
    ['<u2', 'uint16'],
    ['<u4', 'uint32'],
    ['<u8', 'uint64'],
    ['|b1', 'bool'],
    ['?', 'bool'],
    ['=f4', 'float32'],
  ];
  for (const [descr, dtype] of dtypes) {
    it(`of dtype ${descr}`, async () => {
      const file = await open(npy(`'${descr}'`, '(2,)', 2 * Number(/\d+/.exec(descr)?.[0] ?? 1)));
      assert.deepEqual([file.tensors[0].tensor.dtype, file.warnings], [dtype, []]);
    });
  }

  it('of rank 0, and without elements', async () => {
    assert.deepEqual(await only(await open(npy("'|u1'", '()', Uint8Array.of(9)))), [9]);
    assert.deepEqual(await only(await open(npy("'<f4'", '(0, 5)', 0, true))), []);
  });

  const raw: readonly [descr: string, shape: string, bytes: number][] = [
    ["'|S0'", '(3,)', 0],
    ["'<U1000000'", '(1,)', 4_000_000],
    ["'|V7'", '(2,)', 14],
    ["'<M8[ns]'", '(1,)', 8],
    ["'<m8[s]'", '(1,)', 8],
    ["'<f16'", '(1,)', 16],
    ["[('a', '<f4'), ('b', '>i8', (2, 2))]", '(3,)', 108],
  ];
  for (const [descr, shape, bytes] of raw) {
    it(`N-07: ${descr} is listed and not decoded`, async () => {
      const file = await open(npy(descr, shape, bytes));
      assert.deepEqual([codes(file), file.tensors[0].tensor.encoding?.bytes], [['E_NPY_DTYPE'], bytes]);
      assert.equal((await tensorRejection(file, 'weights')).code, 'E_NPY_DTYPE');
    });
  }
});

describe('numpy arrays of Python objects', () => {
  const safe = pickle(0x80, 2, ']', '.');
  const evil = pickle(proto2, reduce(global('posix', 'system'), text('echo')), '.');
  const object = (payload: Uint8Array, descr = "'|O'") => npy(descr, '(1,)', payload);

  it('N-01: are told and not built', async () => {
    const file = await open(object(safe));
    assert.deepEqual([file.tensors, codes(file), file.safety.verdict], [[], ['E_NPY_OBJECT'], 'safe']);
    assert.deepEqual(file.opaque, [{ path: 'weights', name: 'an array of Python objects' }]);
  });

  for (const descr of ["'|O'", "[('a', '<f4'), ('b', '|O')]", "[('a', [('b', 'O')])]"]) {
    it(`N-01: are judged by what their pickle would run: ${descr}`, async () => {
      for (const file of [
        await open(object(evil, descr)),
        await openNpz([{ name: 'weights.npy', data: object(evil, descr), deflate: true }]),
        await openNpz([{ name: 'weights.npy', data: object(evil, descr) }]),
      ]) {
        assert.deepEqual([file.safety.verdict, codes(file)], ['dangerous', ['E_NPY_OBJECT', 'E_PICKLE_DANGEROUS']]);
        assert.match(file.warnings[1].message, /posix\.system/);
      }
    });
  }

  it('N-01: are not called safe when their pickle cannot be read', async () => {
    const file = await open(object(pickle(0x80, 2, ']')));
    assert.deepEqual([file.safety.verdict, codes(file)], ['unknown', ['E_NPY_OBJECT', 'E_PICKLE_UNJUDGED']]);
  });
});

describe('numpy archives', () => {
  const array = npy("'|u1'", '(2,)', Uint8Array.of(1, 2));

  it('have the arrays that numpy wrote', async () => {
    for (const fixture of ['mlp', 'recipe_lstm']) {
      const file = await openBytes(await readFixture('torch-2.13', `${fixture}.npz`), `${fixture}.npz`);
      const arrays = await readNpzFixture('torch-2.13', fixture);
      assert.deepEqual([file.format, file.warnings, file.tensors.length], ['npz', [], arrays.size]);
      for (const { name: each, tensor } of file.tensors) {
        const expected = arrays.get(each);
        assert.ok(expected, each);
        assert.deepEqual(tensor.shape, expected.shape);
        const { buffer, byteOffset, byteLength } = expected.data;
        assert.deepEqual(await file.readTensor(tensor, neverAborted), new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
  });

  it('may be compressed, also an array whose header is long and whose data is large', async () => {
    const column = (i: number) => `('${'x'.repeat(100)}${i * 7919}', '|u1')`;
    const descr = `[${Array.from({ length: 2_000 }, (_, i) => column(i)).join(', ')}]`;
    const wide = npyText(`{'descr': ${descr}, 'fortran_order': False, 'shape': (1,)}`, 2_000, 2);
    const large = npy("'|u1'", '(30000000,)', 30_000_000);
    const file = await openNpz([
      { name: 'wide.npy', data: wide, deflate: true },
      { name: 'large.npy', data: large, deflate: true },
    ]);
    assert.deepEqual(
      file.tensors.map((tensor) => tensor.name),
      ['wide', 'large'],
    );
    assert.equal((await file.readTensor(file.tensors[1].tensor, neverAborted)).length, 30_000_000);
  });

  for (const [kind, width] of [
    ['u2', 2],
    ['f4', 4],
  ] as const) {
    for (const order of ['<', '>'] as const) {
      it(`N-08: may hold compressed arrays in Fortran's order, ${order}${kind}`, async () => {
        const element = (n: number) => Array.from({ length: width }, (_, i) => 10 * n + i);
        const stored = [1, 4, 2, 5, 3, 6].map((n) => (order === '>' ? element(n).reverse() : element(n)));
        const data = npy(`'${order}${kind}'`, '(2, 3)', Uint8Array.from(stored.flat()), true);
        const file = await openNpz([{ name: 'w.npy', data, deflate: true }]);
        const bytes = await file.readTensor(file.tensors[0].tensor, neverAborted);
        assert.deepEqual([...bytes], [1, 2, 3, 4, 5, 6].flatMap(element));
      });
    }
  }

  it('N-09: keep names of every kind, which are only names', async () => {
    const names = ['../x', '__proto__', '/etc/passwd', 'a.b'];
    const file = await openNpz(names.map((each) => ({ name: `${each}.npy`, data: array })));
    assert.deepEqual(
      file.tensors.map((tensor) => tensor.name),
      names,
    );
  });

  it('N-09: list what is not an array, and nested archives', async () => {
    const inner = buildZip([{ name: 'w.npy', data: array }]);
    const file = await openNpz([
      { name: 'readme.txt', data: utf8('hello') },
      { name: 'inner.npz', data: inner },
      { name: 'w.npy', data: array },
    ]);
    assert.deepEqual(
      file.opaque.map(({ path }) => path),
      ['readme.txt', 'inner.npz'],
    );
    assert.deepEqual(await only(file), [1, 2]);
  });

  const damaged: readonly [what: string, entry: EntrySpec, code: string][] = [
    ['is empty', { name: 'bad.npy', data: new Uint8Array(0) }, 'E_NPY_MAGIC'],
    ['is text', { name: 'bad.npy', data: utf8('hello, world') }, 'E_NPY_MAGIC'],
    ['has a broken header', { name: 'bad.npy', data: npyText('{') }, 'E_NPY_HEADER'],
    ['is encrypted', { name: 'bad.npy', data: array, flags: 1 }, 'E_ZIP_ENCRYPTED'],
    ['has another compression', { name: 'bad.npy', data: array, method: 12 }, 'E_ZIP_METHOD'],
    ['does not inflate', { name: 'bad.npy', data: array, method: 8 }, 'E_ZIP_INFLATE'],
  ];
  for (const [what, entry, code] of damaged) {
    it(`N-09: show the other arrays when one ${what}`, async () => {
      const file = await openNpz([entry, { name: 'w.npy', data: array }]);
      assert.deepEqual(codes(file), [code]);
      assert.deepEqual(await only(file), [1, 2]);
      assert.deepEqual(file.opaque, [{ path: 'bad', name: 'an array that cannot be read' }]);
    });
  }

  it('N-09: take the last of two arrays of one name, as numpy does, and say so', async () => {
    const file = await openNpz([
      { name: 'w.npy', data: array },
      { name: 'w.npy', data: npy("'|u1'", '(1,)', Uint8Array.of(9)) },
    ]);
    assert.deepEqual(await only(file), [9]);
    assert.match(file.warnings[0].message, /NumPy and Quantscope take the last/);
  });

  it('N-09: check the checksum of compressed values', async () => {
    const file = await openNpz([{ name: 'w.npy', data: array, deflate: true, crc: 1 }]);
    assert.equal((await tensorRejection(file, 'w')).code, 'E_ZIP_CRC');
  });

  it('N-09: are named as cut off when their directory is missing', async () => {
    const sound = buildZip([{ name: 'w.npy', data: array }]);
    const file = await openBytes(sound.subarray(0, -30), 'arrays.npz');
    assert.deepEqual(
      file.warnings.map(({ code }) => code),
      ['E_ZIP_TRUNCATED'],
    );
  });

  it('are told from PyTorch’s by their entries, whatever their name', async () => {
    const torch = await readFixture('torch-2.13', 'mlp.pt');
    assert.equal((await openBytes(torch, 'model.npz')).format, 'torch-zip');
    assert.equal((await openBytes(buildZip([{ name: 'w.npy', data: array }]), 'model.pt')).format, 'npz');
  });
});
