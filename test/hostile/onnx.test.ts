import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import type { ByteSource } from '../../src/core/byteSource';
import { type ErrorDetails, QuantscopeError } from '../../src/core/errors';
import { openFile } from '../../src/formats/registry';
import type { ModelFile } from '../../src/formats/types';
import { openFileSource } from '../../src/worker/fileSource';
import { openBytes, readFixture } from '../support/fixtures';
import { folderSource } from '../support/folderSource';
import { exercise, rejection, tensorRejection } from '../support/hostile';
import {
  type Bytes,
  externalProto,
  float32,
  floats,
  graphProto,
  len,
  nodeProto,
  num,
  onnxFile,
  onnxWith,
  packed,
  tag,
  tensorProto,
  varint,
} from '../support/protoBuilder';
import { concat, utf8 } from '../support/zipBuilder';

/** What every model begins with; the offset of what comes next. */
const head = concat(num(1, 10), len(2, 'test'));
const graph = graphProto({ tensors: [tensorProto()] });
const sound = onnxFile(graph);

const codesOf = ({ warnings }: ModelFile) => warnings.map(({ code }) => code);
const open = (bytes: Bytes) => openBytes(bytes, 'model.onnx');

interface Rejected {
  readonly id: string;
  readonly name: string;
  readonly bytes: () => Bytes;
  readonly code: string;
  readonly offset?: number;
}

const elevenBytes = new Uint8Array(11).fill(0x80);

/** Loops in the bodies of loops. Each level only adds bytes before the inner one, so that building is linear. */
function nested(levels: number): Bytes {
  const prefixes: Bytes[] = [];
  let length = 0;
  const prefix = (bytes: Bytes) => {
    prefixes.push(bytes);
    length += bytes.length;
  };
  for (let level = levels; level > 0; level--) {
    prefix(concat(len(1, 'body'), num(20, 5), tag(6, 2), varint(length)));
    prefix(concat(len(3, `loop${level}`), len(4, 'Loop'), tag(5, 2), varint(length)));
    prefix(concat(tag(1, 2), varint(length)));
  }
  return onnxFile(concat(...prefixes.reverse()));
}

function functionProto(name: string, ...callees: string[]): Bytes {
  const nodes = callees.map((type) => len(7, nodeProto({ type, domain: 'local' })));
  return len(25, concat(len(1, name), len(10, 'local'), ...nodes));
}

const rejected: readonly Rejected[] = [
  {
    id: 'O-01',
    name: 'a varint of 11 bytes',
    bytes: () => concat(head, tag(5, 0), elevenBytes, graph),
    code: 'E_ONNX_VARINT',
    offset: head.length + 1,
  },
  {
    id: 'O-01',
    name: 'a varint of 70 bits',
    bytes: () => concat(head, tag(5, 0), new Uint8Array(9).fill(0xff), Uint8Array.of(0x7f), graph),
    code: 'E_ONNX_VARINT',
    offset: head.length + 1,
  },
  {
    id: 'O-01',
    name: 'field 0',
    bytes: () => concat(head, tag(0, 0), varint(1), graph),
    code: 'E_ONNX_TAG',
    offset: head.length,
  },
  {
    id: 'O-01',
    name: 'field 2^29',
    bytes: () => concat(head, tag(2n ** 29n, 0), varint(1), graph),
    code: 'E_ONNX_TAG',
    offset: head.length,
  },
  {
    id: 'O-01',
    name: 'field 1 in six bytes',
    bytes: () => concat(head, Uint8Array.of(0x88, 0x80, 0x80, 0x80, 0x80, 0), varint(1)),
    code: 'E_ONNX_TAG',
    offset: head.length,
  },
  {
    id: 'O-02',
    name: 'a field longer than its message',
    bytes: () => onnxFile(concat(len(2, 'main', 99))),
    code: 'E_ONNX_LENGTH',
  },
  {
    id: 'O-02',
    name: 'a tensor longer than its graph',
    bytes: () => onnxFile(concat(len(5, tensorProto(), 2 ** 20))),
    code: 'E_ONNX_LENGTH',
  },
  {
    id: 'O-02',
    name: 'a length of 2^31',
    bytes: () => concat(head, len(7, graph, 2 ** 31)),
    code: 'E_ONNX_LENGTH',
    offset: head.length,
  },
  {
    id: 'O-02',
    name: 'a length of 2^63',
    bytes: () => concat(head, len(7, graph, 2n ** 63n)),
    code: 'E_ONNX_LENGTH',
    offset: head.length,
  },
  {
    id: 'O-02',
    name: 'a producer longer than the file',
    bytes: () => concat(num(1, 10), len(2, 'test', 1000)),
    code: 'E_ONNX_TRUNCATED',
  },
  {
    id: 'O-03',
    name: 'wire type 6',
    bytes: () => concat(head, tag(5, 6), varint(1)),
    code: 'E_ONNX_WIRE_TYPE',
    offset: head.length,
  },
  {
    id: 'O-03',
    name: 'wire type 7',
    bytes: () => concat(head, tag(99, 7), varint(1)),
    code: 'E_ONNX_WIRE_TYPE',
    offset: head.length,
  },
  {
    id: 'O-03',
    name: 'a million groups in each other',
    bytes: () => concat(head, new Uint8Array(1_000_000).fill(0x63)),
    code: 'E_ONNX_GROUP',
    offset: head.length + 100,
  },
  {
    id: 'O-03',
    name: 'the end of a group that did not begin',
    bytes: () => concat(head, tag(12, 4)),
    code: 'E_ONNX_GROUP',
    offset: head.length,
  },
  {
    id: 'O-03',
    name: 'a group that another one closes',
    bytes: () => concat(head, tag(12, 3), tag(13, 4)),
    code: 'E_ONNX_GROUP',
    offset: head.length + 1,
  },
  {
    id: 'O-03',
    name: 'a group that its message ends',
    bytes: () => onnxFile(concat(tag(12, 3), num(1, 1)), num(5, 1)),
    code: 'E_ONNX_GROUP',
  },
  { id: 'O-04', name: 'graphs in graphs, 10,000 deep', bytes: () => nested(10_000), code: 'E_ONNX_DEPTH' },
  {
    id: 'O-04',
    name: 'a function that calls itself',
    bytes: () => onnxFile(graph, functionProto('f', 'f')),
    code: 'E_ONNX_RECURSION',
  },
  {
    id: 'O-04',
    name: 'functions that call each other',
    bytes: () => onnxFile(graph, functionProto('f', 'g'), functionProto('g', 'h'), functionProto('h', 'f')),
    code: 'E_ONNX_RECURSION',
  },
  { id: 'O-18', name: 'no graph', bytes: () => head, code: 'E_ONNX_NO_GRAPH', offset: head.length },
  {
    id: 'O-19',
    name: 'ONNX as text',
    bytes: () => utf8('<\n  ir_version: 8,\n  opset_import: ["" : 18]\n>\nagraph (float[N] x) => (float[N] y) {}'),
    code: 'E_ONNX_TEXT',
    offset: 0,
  },
  {
    id: 'O-19',
    name: 'ONNX as Protocol Buffers text',
    bytes: () => utf8('ir_version: 8\nproducer_name: "x"\ngraph {\n}\n'),
    code: 'E_ONNX_TEXT',
    offset: 0,
  },
  {
    id: 'O-19',
    name: 'an ORT flatbuffer',
    bytes: () => concat(Uint8Array.of(0x20, 0, 0, 0), utf8('ORTM'), new Uint8Array(64)),
    code: 'E_ORT',
    offset: 0,
  },
  {
    id: 'O-19',
    name: 'a frozen TensorFlow graph',
    bytes: () =>
      concat(len(1, concat(len(1, 'x'), len(2, 'Placeholder'))), len(1, concat(len(1, 'y'), len(2, 'Const')))),
    code: 'E_TENSORFLOW',
    offset: 0,
  },
  {
    id: 'O-19',
    name: 'a saved TensorFlow model',
    bytes: () => concat(num(1, 1), len(2, concat(len(1, len(4, 'serve')), len(2, new Uint8Array(80))))),
    code: 'E_TENSORFLOW',
    offset: 0,
  },
  {
    id: 'O-19',
    name: 'encrypted bytes',
    bytes: () => Uint8Array.from({ length: 4096 }, (_, i) => (i * 2_654_435_761) >>> 24),
    code: 'E_ONNX_TAG',
    offset: 0,
  },
];

describe('ONNX files that cannot be read', function () {
  this.timeout(20_000);
  for (const { id, name, bytes, code, offset } of rejected) {
    it(`${id}: ${name} is ${code}`, async () => {
      const data = bytes();
      const details = await rejection(data, 'model.onnx');
      assert.equal(details.code, code);
      assert.ok((details.where?.offset ?? -1) <= data.length, `offset ${details.where?.offset}`);
      if (offset !== undefined) assert.equal(details.where?.offset, offset);
      else assert.ok(details.where?.offset !== undefined);
    });
  }

  it('O-04: the deepest nodes are named', async () => {
    const { where } = await rejection(nested(10_000), 'model.onnx');
    assert.match(where?.field ?? '', /^loop1 › loop2 › loop3 › … › loop\d+ › loop\d+$/);
  });

  it('O-04: graphs of the depth that real models have are read', async () => {
    const { moduleTypes } = await open(nested(20));
    assert.equal(moduleTypes.size, 20);
  });

  it('O-13: a file over 2 GiB is refused before it is read', async () => {
    let read = 0;
    const source: ByteSource = {
      name: 'model.onnx',
      size: 2 ** 31,
      async read(offset, length) {
        read += length;
        return sound.subarray(offset, offset + length);
      },
    };
    const details = await refusal(openFile(source, neverAborted));
    assert.deepEqual([details.code, details.where?.offset], ['E_ONNX_TOO_BIG', 2 ** 31 - 1]);
    assert.ok(read <= 4096, `${read} bytes were read`);
  });
});

async function refusal(promise: Promise<unknown>): Promise<ErrorDetails> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof QuantscopeError, String(error));
    return error.details;
  }
  return assert.fail('nothing was refused');
}

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

const files = { 'w.data': floats(1, 2, 3, 4) };

describe('ONNX tensors that cannot be', () => {
  for (const { id, name, tensor, code, found } of broken) {
    it(`${id}: ${name} is ${code}, and the others are read`, async () => {
      const file = await openFile(folderSource(onnxWith(tensorProto(), tensor), files), neverAborted);
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
      const source = folderSource(onnxWith(tensorProto({ more: externalProto([['location', name]]) })), files);
      const details = await refusal(openFile(source, neverAborted));
      assert.equal(details.code, 'E_SIBLING_PATH');
      assert.deepEqual(source.opened, []);
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
    const file = await openFile(
      folderSource(onnxWith(tensorProto({ more: externalProto(entries) })), files),
      neverAborted,
    );
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

interface Warned {
  readonly id: string;
  readonly name: string;
  readonly bytes: () => Bytes;
  readonly codes: readonly string[];
  readonly says?: RegExp;
}

const relu = (name: string, inputs: string[], outputs: string[]) => nodeProto({ name, inputs, outputs });
const graphOf = (...nodes: Bytes[]) => onnxFile(graphProto({ nodes, inputs: ['x'] }));

function qdq(scale: number, axis?: number): Bytes {
  const attributes = axis === undefined ? [] : [concat(len(1, 'axis'), num(3, axis), num(20, 2))];
  const channels = axis === undefined ? 1 : 2;
  const scales = tensorProto({
    name: 's',
    dims: [channels],
    raw: concat(...Array.from({ length: channels }, () => float32(scale))),
  });
  return onnxFile(
    graphProto({
      tensors: [tensorProto({ name: 'w', type: 3, dims: [2], raw: Uint8Array.of(1, 2) }), scales],
      nodes: [nodeProto({ type: 'DequantizeLinear', name: 'dq', inputs: ['w', 's'], outputs: ['y'], attributes })],
    }),
  );
}

const warned: readonly Warned[] = [
  {
    id: 'O-05',
    name: 'two graphs are merged, as Protocol Buffers does',
    bytes: () =>
      concat(onnxWith(tensorProto({ name: 'a' })), len(7, graphProto({ tensors: [tensorProto({ name: 'b' })] }))),
    codes: ['E_ONNX_MERGED'],
  },
  {
    id: 'O-06',
    name: 'dims and data packed and unpacked in one tensor',
    bytes: () =>
      onnxWith(concat(num(1, 1), packed(1, [2]), num(2, 1), len(8, 't'), tag(4, 5), float32(1), len(4, floats(2)))),
    codes: [],
  },
  {
    id: 'O-06',
    name: 'a million unknown fields',
    bytes: () =>
      concat(
        head,
        new Uint8Array(2_000_000).map((_, i) => (i % 2 === 0 ? 0x60 : 1)),
        len(7, graph),
      ),
    codes: ['E_ONNX_UNKNOWN_FIELDS'],
    says: /^1000000 fields/,
  },
  {
    id: 'O-06',
    name: 'groups, which ONNX does not have',
    bytes: () => concat(head, tag(40, 3), num(1, 1), tag(41, 3), tag(41, 4), tag(40, 4), len(7, graph)),
    codes: ['E_ONNX_UNKNOWN_FIELDS'],
  },
  {
    id: 'O-14',
    name: 'a cycle',
    bytes: () => graphOf(relu('a', ['x', 'v2'], ['v1']), relu('b', ['v1'], ['v2'])),
    codes: ['E_ONNX_CYCLE'],
    says: /"a", "b"/,
  },
  {
    id: 'O-14',
    name: 'a value that is computed twice',
    bytes: () => graphOf(relu('a', ['x'], ['y']), relu('b', ['x'], ['y'])),
    codes: ['E_ONNX_DUPLICATE_OUTPUT'],
    says: /"y"/,
  },
  {
    id: 'O-14',
    name: 'a value that nothing computes',
    bytes: () => graphOf(relu('a', ['ghost'], ['y'])),
    codes: ['E_ONNX_MISSING_INPUT'],
    says: /"ghost"/,
  },
  {
    id: 'O-14',
    name: 'two tensors of one name',
    bytes: () => onnxWith(tensorProto(), tensorProto()),
    codes: ['E_ONNX_DUPLICATE'],
  },
  {
    id: 'O-15',
    name: 'IR version 999',
    bytes: () => concat(num(1, 999), len(7, graph)),
    codes: ['E_ONNX_IR_VERSION'],
    says: /999/,
  },
  {
    id: 'O-15',
    name: 'operator set 10^9',
    bytes: () => onnxFile(graph, len(8, num(2, 1_000_000_000))),
    codes: ['E_ONNX_OPSET'],
    says: /1000000000/,
  },
  {
    id: 'O-15',
    name: 'operator set 2^63',
    bytes: () => onnxFile(graph, len(8, num(2, 2n ** 62n))),
    codes: ['E_ONNX_OPSET'],
  },
  {
    id: 'O-15',
    name: 'an unknown domain',
    bytes: () => onnxFile(graph, len(8, concat(len(1, 'evil.example'), num(2, 1)))),
    codes: ['E_ONNX_DOMAIN'],
    says: /evil\.example/,
  },
  ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY].map((scale) => ({
    id: 'O-20',
    name: `a scale of ${scale}`,
    bytes: () => qdq(scale),
    codes: ['E_ONNX_QPARAMS'],
    says: new RegExp(`a scale of ${scale}`),
  })),
  {
    id: 'O-20',
    name: 'quantization along axis 99',
    bytes: () => qdq(1, 99),
    codes: ['E_ONNX_QPARAMS'],
    says: /axis 99/,
  },
];

describe('ONNX models that are shown with a warning', function () {
  this.timeout(20_000);
  for (const { id, name, bytes, codes, says } of warned) {
    it(`${id}: ${name}`, async () => {
      const file = await open(bytes());
      assert.deepEqual(codesOf(file), codes);
      if (says !== undefined) assert.match(file.warnings[0].message, says);
      for (const { tensor } of file.tensors) await file.readTensor(tensor, neverAborted);
      assert.ok(file.tensors.every(({ tensor }) => codes[0] !== 'E_ONNX_QPARAMS' || tensor.quantization === undefined));
    });
  }

  it('O-05: the merged graph has the tensors of both', async () => {
    const file = await open(warned[0].bytes());
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('O-06: mixed packing is read in the order of the file', async () => {
    const file = await open(warned[1].bytes());
    assert.deepEqual(file.tensors[0].tensor.shape, [1, 2]);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), floats(1, 2));
  });

  it('O-14: a million nodes and a name of 10 MB end soon, with a limit that is told', async () => {
    const node = len(1, nodeProto({ type: 'Add' }));
    const nodes = new Uint8Array(node.length * 1_000_000);
    for (let at = 0; at < nodes.length; at += node.length) nodes.set(node, at);
    const before = process.memoryUsage().rss;
    const started = performance.now();
    const file = await open(onnxFile(concat(nodes, len(1, nodeProto({ name: 'n'.repeat(10_000_000) })))));
    assert.ok(performance.now() - started < 10_000);
    assert.deepEqual(codesOf(file), ['E_ONNX_NODE_LIMIT']);
    assert.match(file.warnings[0].message, /750001 more nodes than the 250000/);
    assert.ok(process.memoryUsage().rss - before < 512 * 1024 * 1024);
  });

  it('O-14: a long name is shown short, with its length', async () => {
    const file = await open(onnxWith(tensorProto({ name: 'n'.repeat(10_000_000) })));
    assert.equal(file.tensors[0].name, `${'n'.repeat(65_536)}… (10000000 bytes)`);
  });

  it('O-15: a million strings are named, not read', async () => {
    const one = len(6, 'x');
    const strings = new Uint8Array(one.length * 1_000_000);
    for (let at = 0; at < strings.length; at += one.length) strings.set(one, at);
    const file = await open(onnxWith(tensorProto({ type: 8, dims: [1_000_000], more: [strings] })));
    assert.deepEqual(file.opaque, [{ path: 't', name: 'string tensor [1000000]' }]);
    assert.deepEqual(file.warnings, []);
  });

  it('O-17: HTML and 100 MB in notes are text, and short', async () => {
    const html = '<img src=x onerror=alert(1)>';
    const metadata = len(14, concat(len(1, html), len(2, new Uint8Array(100_000_000).fill(0x61))));
    const file = await open(onnxFile(graph, len(6, html), metadata));
    assert.equal(file.metadata.doc_string, html);
    assert.equal(file.metadata[html], `${'a'.repeat(65_536)}… (100000000 bytes)`);
  });

  it('O-17: notes in every message are stepped over without a warning', async () => {
    const note = 'note';
    const tensor = tensorProto({ more: [len(9, floats(1, 2)), len(12, note), len(16, '')] });
    const node = concat(nodeProto({ inputs: ['x'], outputs: ['y'] }), len(6, note), len(10, ''));
    const value = concat(len(1, 'x'), len(3, note), len(2, concat(len(6, note), len(4, ''))));
    const body = concat(
      graphProto({ nodes: [node], tensors: [tensor] }),
      len(11, value),
      len(10, note),
      len(14, ''),
      len(16, ''),
    );
    const file = await open(onnxFile(body, len(25, concat(len(1, 'f'), len(8, note))), len(26, '')));
    assert.deepEqual(file.warnings, []);
    assert.deepEqual(await file.readTensor(file.tensors[0].tensor, neverAborted), floats(1, 2));
  });

  it('O-17: names that objects have of their own are names', async () => {
    const names = ['__proto__', 'constructor', 'toString', ''];
    const file = await open(onnxWith(...names.map((name) => tensorProto({ name }))));
    assert.deepEqual(
      file.tensors.map(({ name }) => name),
      names,
    );
    assert.equal(({} as Record<string, unknown>).name, undefined);
    const metadata = len(14, concat(len(1, '__proto__'), len(2, 'x')));
    assert.deepEqual(Object.keys((await open(onnxFile(graph, metadata))).metadata).includes('__proto__'), true);
  });
});

describe('an ONNX download that stopped', () => {
  for (const fixture of ['mlp.qdq.onnx', 'scoped.onnx']) {
    it(`O-18: at every 1/64 of ${fixture} shows what came through`, async () => {
      const whole = await readFixture('onnx', fixture);
      const { tensors } = await open(whole);
      let most = 0;
      for (let part = 1; part < 64; part++) {
        const cut = whole.subarray(0, Math.floor((whole.length * part) / 64));
        let file: ModelFile;
        try {
          file = await open(cut);
        } catch (error) {
          assert.ok(error instanceof QuantscopeError && error.code === 'E_ONNX_TRUNCATED', String(error));
          assert.equal(error.details.where?.offset, cut.length);
          continue;
        }
        const warning = file.warnings.find(({ code }) => code === 'E_ONNX_TRUNCATED');
        assert.ok(warning, `${part}/64`);
        assert.match(
          warning.message,
          new RegExp(`ends at byte ${cut.length} .* last whole field is [\\w.]+, up to byte \\d+`),
        );
        for (const { tensor } of file.tensors)
          if (tensor.problem === undefined) await file.readTensor(tensor, neverAborted);
        most = Math.max(most, file.tensors.length);
      }
      assert.ok(most > 0 && most <= tensors.length, `${most} of ${tensors.length} tensors`);
    });
  }

  it('O-18: inside a tensor says how much of it is missing', async () => {
    const file = await open(sound.subarray(0, -3));
    const details = await tensorRejection(file, 't');
    assert.deepEqual([details.code, details.found, details.expected], ['E_ONNX_TRUNCATED', '5 bytes', '8']);
  });
});

describe('mutated ONNX files', () => {
  it('end in an answer or a refusal', async function () {
    this.timeout(60_000);
    const seeds = ['dtypes', 'scoped', 'sparse', 'mlp.qdq'];
    const outcomes = new Set<string>();
    let state = 29592;
    const below = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    for (const seed of seeds) {
      const whole = await readFixture('onnx', `${seed}.onnx`);
      for (let i = 0; i < 1_250; i++) {
        const bytes = whole.slice();
        for (let times = 1 + below(4); times > 0; times--)
          bytes[below(bytes.length)] = below(3) === 0 ? 0xff : below(256);
        const cut = below(4) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
        for (const code of await exercise(cut, 'model.onnx')) outcomes.add(code);
      }
    }
    assert.ok(outcomes.size > 10, [...outcomes].join());
  });
});
