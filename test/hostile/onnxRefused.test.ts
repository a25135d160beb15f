import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import type { ByteSource } from '../../src/core/byteSource';
import { openFile } from '../../src/formats/registry';
import { openBytes } from '../support/fixtures';
import { refusal, rejection } from '../support/hostile';
import {
  type Bytes,
  graphProto,
  len,
  nodeProto,
  num,
  onnxFile,
  tag,
  tensorProto,
  varint,
} from '../support/protoBuilder';
import { concat, utf8 } from '../support/zipBuilder';

/** What every model begins with; the offset of what comes next. */
const head = concat(num(1, 10), len(2, 'test'));
const graph = graphProto({ tensors: [tensorProto()] });
const sound = onnxFile(graph);

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
