import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { openBytes } from '../support/fixtures';
import { codesOf } from '../support/hostile';
import {
  type Bytes,
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
} from '../support/protoBuilder';
import { concat } from '../support/zipBuilder';

/** What every model begins with; the offset of what comes next. */
const head = concat(num(1, 10), len(2, 'test'));
const graph = graphProto({ tensors: [tensorProto()] });

const open = (bytes: Bytes) => openBytes(bytes, 'model.onnx');

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
