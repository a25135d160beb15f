import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { type ErrorDetails, QuantscopeError } from '../../src/core/errors';
import { openFile } from '../../src/formats/registry';
import { openFileSource } from '../../src/worker/fileSource';
import { openBytes } from '../support/fixtures';
import { codesOf, refusal, tensorRejection } from '../support/hostile';
import { memoryFolder } from '../support/memoryFolder';
import {
  type Bytes,
  externalProto,
  floats,
  graphProto,
  len,
  num,
  onnxFile,
  onnxWith,
  packed,
  tensorProto,
} from '../support/protoBuilder';
import { concat } from '../support/zipBuilder';

const open = (bytes: Bytes) => openBytes(bytes, 'model.onnx');

interface Broken {
  readonly id: string;
  readonly name: string;
  readonly tensor: Bytes;
  readonly code: string;
  readonly found?: string;
}

const rank = (count: number) => tensorProto({ name: 'bad', dims: Array<number>(count).fill(1), raw: floats(1) });
const bad = (spec: Parameters<typeof tensorProto>[0]) => tensorProto({ name: 'bad', ...spec });

const broken: readonly Broken[] = [
  { id: 'O-07', name: 'raw_data too short', tensor: bad({ raw: floats(1) }), code: 'E_ONNX_DATA', found: '4 bytes' },
  {
    id: 'O-07',
    name: 'raw_data too long',
    tensor: bad({ raw: floats(1, 2, 3) }),
    code: 'E_ONNX_DATA',
    found: '12 bytes',
  },
  {
    id: 'O-07',
    name: 'raw_data and float_data',
    tensor: bad({ raw: floats(1, 2), more: [len(4, floats(1, 2))] }),
    code: 'E_ONNX_DATA',
    found: 'raw and float',
  },
  { id: 'O-07', name: 'no data', tensor: bad({ more: [num(14, 0)] }), code: 'E_ONNX_DATA', found: 'no data' },
  {
    id: 'O-07',
    name: 'float_data too short',
    tensor: bad({ more: [len(4, floats(1))] }),
    code: 'E_ONNX_DATA',
    found: '1 values',
  },
  {
    id: 'O-07',
    name: 'float_data for int32',
    tensor: bad({ type: 6, more: [len(4, floats(1, 2))] }),
    code: 'E_ONNX_DATA',
    found: 'float_data',
  },
  {
    id: 'O-08',
    name: 'a dimension of -1',
    tensor: bad({ dims: [-1] }),
    code: 'E_ONNX_DIMS',
    found: 'a dimension of -1',
  },
  { id: 'O-08', name: 'a dimension of 2^63', tensor: bad({ dims: [2n ** 63n] }), code: 'E_ONNX_DIMS' },
  {
    id: 'O-08',
    name: '2^80 elements',
    tensor: bad({ dims: [2 ** 40, 2 ** 40] }),
    code: 'E_ONNX_DIMS',
    found: '1208925819614629174706176 elements',
  },
  {
    id: 'O-08',
    name: '2^40 elements in 8 bytes',
    tensor: bad({ dims: [2 ** 40] }),
    code: 'E_ONNX_DATA',
    found: '8 bytes',
  },
  { id: 'O-08', name: '100,000 dimensions', tensor: rank(100_000), code: 'E_ONNX_DIMS' },
  { id: 'O-08', name: '65 dimensions', tensor: rank(65), code: 'E_ONNX_DIMS', found: '65' },
  { id: 'O-15', name: 'element type 99', tensor: bad({ type: 99 }), code: 'E_ONNX_DTYPE', found: 'data type 99' },
  { id: 'O-15', name: 'element type 0', tensor: bad({ type: 0 }), code: 'E_ONNX_DTYPE', found: 'data type 0' },
  {
    id: 'O-15',
    name: 'seven int4 in three bytes',
    tensor: bad({ type: 22, dims: [7], raw: Uint8Array.of(1, 2, 3) }),
    code: 'E_ONNX_DATA',
    found: '3 bytes',
  },
  {
    id: 'O-15',
    name: 'five float4 in one byte',
    tensor: bad({ type: 23, dims: [5], raw: Uint8Array.of(1) }),
    code: 'E_ONNX_DATA',
  },
  ...(
    [
      ['offset', '-1'],
      ['offset', '1e9'],
      ['offset', '0x10'],
      ['offset', ' 5'],
      ['offset', ''],
      ['offset', '9223372036854775808'],
      ['length', '-1'],
      ['length', '8.0'],
      ['length', '99999999999999999999'],
    ] as const
  ).map(([key, value]) => ({
    id: 'O-11',
    name: `an external ${key} of ${JSON.stringify(value)}`,
    tensor: bad({
      more: externalProto([
        ['location', 'w.data'],
        [key, value],
      ]),
    }),
    code: 'E_ONNX_EXTERNAL',
    found: JSON.stringify(value),
  })),
  {
    id: 'O-11',
    name: 'an external key twice',
    tensor: bad({
      more: externalProto([
        ['location', 'w.data'],
        ['offset', '0'],
        ['offset', '4'],
      ]),
    }),
    code: 'E_ONNX_EXTERNAL',
    found: '"4"',
  },
  {
    id: 'O-11',
    name: 'an external length that is not the shape’s',
    tensor: bad({
      more: externalProto([
        ['location', 'w.data'],
        ['length', '4'],
      ]),
    }),
    code: 'E_ONNX_DATA',
    found: '4 bytes',
  },
  {
    id: 'O-11',
    name: 'an external offset past the file',
    tensor: bad({
      more: externalProto([
        ['location', 'w.data'],
        ['offset', '1000'],
      ]),
    }),
    code: 'E_ONNX_EXTERNAL_SHORT',
    found: '16 bytes',
  },
  {
    id: 'O-12',
    name: 'an external file that is too short',
    tensor: bad({ dims: [5], more: externalProto([['location', 'w.data']]) }),
    code: 'E_ONNX_EXTERNAL_SHORT',
    found: '16 bytes',
  },
  {
    id: 'O-12',
    name: 'an external file that is missing',
    tensor: bad({ more: externalProto([['location', 'other.data']]) }),
    code: 'E_ONNX_EXTERNAL_MISSING',
  },
];

/** A model beside a file of external data. */
const besideData = (model: Bytes, asked: string[] = []) =>
  memoryFolder({ 'model.onnx': model, 'w.data': floats(1, 2, 3, 4) }, 'model.onnx', asked);

describe('ONNX tensors that cannot be', () => {
  for (const { id, name, tensor, code, found } of broken) {
    it(`${id}: ${name} is ${code}, and the others are read`, async () => {
      const file = await openFile(besideData(onnxWith(tensorProto(), tensor)), neverAborted);
      assert.deepEqual(
        file.tensors.map((one) => one.name),
        ['t', 'bad'],
      );
      assert.deepEqual(codesOf(file), [code]);
      const details = await tensorRejection(file, 'bad');
      assert.equal(details.code, code);
      if (found !== undefined) assert.equal(details.found, found);
      assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), floats(1, 2));
    });
  }

  it('O-16: an index outside the sparse tensor is refused with the tensor', async () => {
    const sparse = (index: bigint) => {
      const indices = tensorProto({ name: 'i', type: 7, raw: new Uint8Array(BigInt64Array.of(0n, index).buffer) });
      return concat(len(1, tensorProto({ name: 'bad' })), len(2, indices), packed(3, [2, 3]));
    };
    for (const [index, problem] of [
      [5n, undefined],
      [6n, 'index 6'],
      [-1n, 'index -1'],
      [2n ** 62n, `index ${2n ** 62n}`],
    ] as const) {
      const file = await open(onnxFile(graphProto({ sparse: [sparse(index)] })));
      if (problem === undefined) {
        assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), floats(1, 0, 0, 0, 0, 2));
        continue;
      }
      assert.deepEqual(codesOf(file), ['E_ONNX_SPARSE']);
      assert.equal((await tensorRejection(file, 'bad')).found, problem);
    }
  });

  it('O-16: a sparse tensor of 2^60 elements is refused before it is made', async () => {
    const indices = tensorProto({ name: 'i', type: 7, raw: new Uint8Array(16) });
    const sparse = concat(len(1, tensorProto({ name: 'bad' })), len(2, indices), packed(3, [2 ** 24, 2 ** 24]));
    const file = await open(onnxFile(graphProto({ sparse: [sparse] })));
    assert.equal((await tensorRejection(file, 'bad')).code, 'E_TENSOR_LIMIT');
  });
});

describe('ONNX models whose tensors lie elsewhere', () => {
  const names = [
    '../../secret',
    '/etc/passwd',
    'C:\\x',
    '\\\\host\\share\\x',
    'http://host/x',
    'file:///etc/passwd',
    'a/../../b',
    '%2e%2e/x',
    'w.data.',
    'CON',
    'x:y',
    '~/.ssh/id_rsa',
    'n'.repeat(4096),
    '',
    '.',
    'a//b',
  ];
  for (const name of names) {
    it(`O-09: ${JSON.stringify(name.slice(0, 24))} is refused, and nothing is touched`, async () => {
      const asked: string[] = [];
      const model = onnxWith(tensorProto({ more: externalProto([['location', name]]) }));
      const details = await refusal(openFile(besideData(model, asked), neverAborted));
      assert.equal(details.code, 'E_SIBLING_PATH');
      assert.deepEqual(asked, []);
    });
  }

  it('O-09: an absolute path into the folder itself is refused too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quantscope-'));
    try {
      const location = join(folder, 'w.data');
      writeFileSync(location, floats(1, 2));
      const details = await inFolder(folder, location);
      assert.equal('code' in details && details.code, 'E_SIBLING_PATH');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  /** Opens a model on disk whose one tensor is in `location`, and reads it. */
  async function inFolder(folder: string, location: string): Promise<ErrorDetails | Uint8Array> {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, onnxWith(tensorProto({ name: 'w', more: externalProto([['location', location]]) })));
    const source = await openFileSource(path);
    try {
      const file = await openFile(source, neverAborted);
      return await file.readTensor(file.tensors[0].tensor, neverAborted);
    } catch (error) {
      assert.ok(error instanceof QuantscopeError, String(error));
      return error.details;
    } finally {
      await source.close();
    }
  }

  it('O-10: links out of the folder and devices are refused', async () => {
    const outer = mkdtempSync(join(tmpdir(), 'quantscope-'));
    try {
      const folder = join(outer, 'model');
      mkdirSync(folder);
      mkdirSync(join(outer, 'elsewhere'));
      writeFileSync(join(outer, 'elsewhere', 'w.data'), floats(7, 8));
      symlinkSync('../elsewhere/w.data', join(folder, 'link.data'));
      symlinkSync('../elsewhere', join(folder, 'parent'));
      symlinkSync('/dev/zero', join(folder, 'zero.data'));
      for (const location of ['link.data', 'parent/w.data', 'zero.data']) {
        const result = await inFolder(folder, location);
        assert.ok('code' in result, `${location} was read`);
        assert.match(result.code, /^E_(SIBLING_PATH|NOT_A_FILE)$/, location);
      }
    } finally {
      rmSync(outer, { recursive: true });
    }
  });

  it('O-10: a hard link is read, with a warning: nothing can tell it from the file itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quantscope-'));
    try {
      writeFileSync(join(folder, 'a.data'), floats(7, 8));
      linkSync(join(folder, 'a.data'), join(folder, 'b.data'));
      assert.deepEqual(await inFolder(folder, 'b.data'), floats(7, 8));
      const source = await openFileSource(join(folder, 'model.onnx'));
      assert.deepEqual(codesOf(await openFile(source, neverAborted)), ['E_ONNX_HARDLINK']);
      await source.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('O-11: unknown keys are listed and ignored', async () => {
    const entries = [
      ['location', 'w.data'],
      ['__class__', 'os'],
      ['__proto__', 'x'],
      ['offset', '4'],
    ] as const;
    const model = onnxWith(tensorProto({ more: externalProto(entries) }));
    const file = await openFile(besideData(model), neverAborted);
    assert.deepEqual(codesOf(file), ['E_ONNX_EXTERNAL_KEY']);
    assert.match(file.warnings[0].message, /"__class__", "__proto__"/);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), floats(2, 3));
  });

  it('O-12: a file that changes after opening is refused when the tensor is read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quantscope-'));
    try {
      const path = join(folder, 'model.onnx');
      writeFileSync(path, onnxWith(tensorProto({ name: 'w', more: externalProto([['location', 'w.data']]) })));
      writeFileSync(join(folder, 'w.data'), floats(7, 8));
      const source = await openFileSource(path);
      const file = await openFile(source, neverAborted);
      writeFileSync(join(folder, 'w.data'), floats(9, 9, 9));
      assert.equal((await tensorRejection(file, 'w')).code, 'E_FILE_CHANGED');
      await source.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
