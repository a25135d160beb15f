import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { openGguf } from '../../src/formats/gguf/read';
import { readConfig } from '../../src/formats/huggingface/read';
import { JsonReader } from '../../src/formats/json/read';
import { parseLiteral } from '../../src/formats/npy/literal';
import { openNpy } from '../../src/formats/npy/read';
import { openOnnx } from '../../src/formats/onnx/read';
import { openFile } from '../../src/formats/registry';
import { openSafetensors } from '../../src/formats/safetensors/read';
import { readIndex } from '../../src/formats/sharded/indexFile';
import { openBytes } from '../support/fixtures';
import { align, arrayKv, ggufFile, ggufTypes, kv, tensorEntry, u64 } from '../support/ggufBuilder';
import { tensorRejection } from '../support/hostile';
import { GiB, type Limit, MiB, ones, outcome, startsWith, testLimits } from '../support/limits';
import { memoryFolder } from '../support/memoryFolder';
import { npy, npyText } from '../support/npyBuilder';
import { graphProto, len, num, onnxFile, onnxWith, tag, tensorProto } from '../support/protoBuilder';
import { f32, safetensors } from '../support/safetensorsBuilder';
import { buildZip, concat, le, utf8 } from '../support/zipBuilder';

const json = (text: string) => new JsonReader(utf8(text), 0, 'E_JSON', neverAborted).skip();
const index = (shards: readonly string[]) => {
  const map = Object.fromEntries(shards.map((shard, i) => [`t${i}`, shard]));
  return readIndex(bytesSource(utf8(JSON.stringify({ weight_map: map })), 'm.index.json'), neverAborted);
};

async function onnxRank(rank: number): Promise<string> {
  const file = await openBytes(
    onnxWith(tensorProto({ name: 't', dims: ones(rank), raw: new Uint8Array(4) })),
    'm.onnx',
  );
  return file.tensors[0].tensor.problem === undefined ? 'read' : (await tensorRejection(file, 't')).code;
}

/** Graphs in attributes of nodes in graphs, `depth` messages in each other with the file's own. */
function onnxDepth(depth: number): Promise<unknown> {
  const parents = ['graph', 'node', 'attribute'] as const;
  let body: Uint8Array = new Uint8Array(0);
  for (let level = depth - 2; level > 0; level--) {
    const parent = parents[(level - 1) % 3];
    if (parent === 'graph') body = concat(len(1, body), len(2, 'g'));
    else if (parent === 'node') body = concat(len(3, 'n'), len(4, 'If'), len(5, body));
    else body = concat(len(1, 'body'), num(20, 5), len(6, body));
  }
  return openOnnx(bytesSource(onnxFile(body), 'm.onnx'), neverAborted);
}

function onnxGroups(depth: number): Promise<unknown> {
  const groups = [
    ...Array.from({ length: depth }, () => tag(100, 3)),
    ...Array.from({ length: depth }, () => tag(100, 4)),
  ];
  return openOnnx(bytesSource(onnxFile(graphProto({}), ...groups), 'm.onnx'), neverAborted);
}

const gguf = (spec: Parameters<typeof ggufFile>[0], size: number) =>
  openGguf(startsWith(ggufFile(spec), size, 'm.gguf'), neverAborted);

/** Of text, and of the formats that are no archive of PyTorch's. */
const limits: readonly Limit[] = [
  {
    what: 'bytes of a safetensors header',
    most: 100_000_000,
    read: (n) => openSafetensors(startsWith(le(8, n), n + 8), neverAborted),
    at: 'E_ST_JSON',
    beyond: 'E_ST_HEADER_SIZE',
  },
  {
    what: 'bytes of an index of shards',
    most: 250_000_000,
    read: (n) => readIndex(startsWith(utf8('{'), n), neverAborted),
    at: 'E_INDEX_JSON',
    beyond: 'E_INDEX_LIMIT',
  },
  {
    what: 'shards',
    most: 10_000,
    read: (n) => index(Array.from({ length: n }, (_, i) => `s${i}`)),
    at: 'read',
    beyond: 'E_INDEX_JSON',
  },
  {
    what: "bytes of a shard's name",
    most: 1_024,
    read: (n) => index(['s'.repeat(n)]),
    at: 'read',
    beyond: 'E_INDEX_JSON',
  },
  {
    what: 'levels of JSON',
    most: 128,
    read: (n) => json('['.repeat(n) + ']'.repeat(n)),
    at: 'read',
    beyond: 'E_JSON',
  },
  {
    what: 'levels of a numpy header',
    most: 32,
    read: (n) => void parseLiteral('('.repeat(n) + ')'.repeat(n), 0),
    at: 'read',
    beyond: 'E_NPY_HEADER',
  },
  {
    what: "bytes of a folder's config.json",
    most: 4 * MiB,
    read: async (n) => {
      const config = utf8('{"model_type": "bert"}'.padEnd(n));
      const folder = memoryFolder({ 'm.safetensors': new Uint8Array(0), 'config.json': config }, 'm.safetensors');
      return (await readConfig(folder, neverAborted)) === undefined ? 'not read' : 'read';
    },
    at: 'read',
    beyond: 'not read',
  },
  { what: 'dimensions in ONNX', most: 64, read: onnxRank, at: 'read', beyond: 'E_ONNX_DIMS' },
  {
    what: 'dimensions in numpy',
    most: 64,
    read: (n) => openBytes(npy("'<f4'", `(${'1,'.repeat(n)})`, 4), 'm.npy'),
    at: 'read',
    beyond: 'E_NPY_HEADER',
  },
  {
    what: 'dimensions in safetensors that are shown',
    most: 64,
    read: (n) => openBytes(safetensors({ t: { ...f32(1), shape: ones(n) } }, 4), 'm.safetensors'),
    at: 'read',
    beyond: 'E_ST_RANK',
  },
  {
    what: 'dimensions in GGUF',
    most: 4,
    read: (n) => openBytes(ggufFile({ tensors: [tensorEntry({ dims: ones(n) })], data: new Uint8Array(32) }), 'm.gguf'),
    at: 'read',
    beyond: 'E_GGUF_RANK',
  },
  {
    what: 'keys of a GGUF',
    most: 100_000,
    read: (n) => gguf({ kvCount: n }, 2 * MiB),
    at: 'E_GGUF_KEY',
    beyond: 'E_GGUF_COUNT',
  },
  {
    what: 'tensors of a GGUF',
    most: 1_000_000,
    read: (n) => gguf({ tensorCount: n }, 32 * MiB),
    at: 'E_GGUF_DUPLICATE',
    beyond: 'E_GGUF_COUNT',
  },
  {
    what: 'bytes of a text in a GGUF',
    most: 64 * MiB,
    read: (n) => gguf({ kvs: [kv('k', ggufTypes.string, u64(n))] }, 65 * MiB),
    at: 'read',
    beyond: 'E_GGUF_STRING',
  },
  {
    what: 'elements of an array in a GGUF',
    most: 2 ** 27,
    read: (n) => gguf({ kvs: [arrayKv('k', ggufTypes.uint8, n, new Uint8Array(0))] }, 2 ** 28),
    at: 'read',
    beyond: 'E_GGUF_ARRAY',
  },
  {
    what: 'MiB of alignment in a GGUF',
    most: 1,
    read: (n) => gguf({ kvs: [align(n * MiB)] }, 4 * MiB),
    at: 'read',
    beyond: 'E_GGUF_ALIGNMENT',
  },
  { what: 'messages in messages of an ONNX file', most: 100, read: onnxDepth, at: 'read', beyond: 'E_ONNX_DEPTH' },
  {
    what: 'groups in groups of an ONNX file',
    most: 100,
    read: onnxGroups,
    at: 'E_ONNX_UNKNOWN_FIELDS',
    beyond: 'E_ONNX_GROUP',
  },
  {
    what: 'bytes of an ONNX file',
    most: 2 ** 31 - 1,
    read: (n) => openOnnx(startsWith(onnxFile(graphProto({})), n), neverAborted),
    at: 'E_ONNX_TAG',
    beyond: 'E_ONNX_TOO_BIG',
  },
  {
    what: 'bytes of a numpy header',
    most: MiB,
    read: (n) => openNpy(bytesSource(npyText(' '.repeat(n), 0, 2), 'm.npy'), neverAborted),
    at: 'E_NPY_HEADER',
    beyond: 'E_NPY_LIMIT',
  },
  {
    what: 'arrays of a numpy archive',
    most: 20_000,
    read: (n) => {
      const array = { name: '', data: npy("'|u1'", '(1,)', 1) };
      return openBytes(buildZip(Array.from({ length: n }, (_, i) => ({ ...array, name: `${i}.npy` }))), 'm.npz');
    },
    at: 'read',
    beyond: 'E_NPY_LIMIT',
  },
];

describe('limits of what a file can ask for', function () {
  this.timeout(20_000);

  testLimits(limits);

  it('keep the bytes that are looked at to tell a format far below a mebibyte', async () => {
    const source = startsWith(utf8('nothing that is known'), GiB, 'model.bin');
    assert.match(await outcome(() => openFile(source, neverAborted)), /^E_/);
    assert.ok(source.bytesRead <= MiB, `${source.bytesRead} bytes`);
  });
});
