import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { QuantscopeError } from '../../src/core/errors';
import { openGguf } from '../../src/formats/gguf/read';
import { readConfig } from '../../src/formats/huggingface/read';
import { JsonReader } from '../../src/formats/json/read';
import { parseLiteral } from '../../src/formats/npy/literal';
import { openNpy } from '../../src/formats/npy/read';
import { openOnnx } from '../../src/formats/onnx/read';
import { type PickleLimits, pickleLimits } from '../../src/formats/pickle/limits';
import { readPickle } from '../../src/formats/pickle/read';
import { openFile } from '../../src/formats/registry';
import { openSafetensors } from '../../src/formats/safetensors/read';
import { readIndex } from '../../src/formats/sharded/indexFile';
import { openBarePickle } from '../../src/formats/torch/barePickle';
import { keyWarnings } from '../../src/formats/torch/keys';
import { readZip } from '../../src/formats/zip/read';
import { recoverEntries } from '../../src/formats/zip/recover';
import { openBytes } from '../support/fixtures';
import { align, arrayKv, ggufFile, ggufTypes, kv, tensorEntry, u64 } from '../support/ggufBuilder';
import { codesOf, tensorRejection } from '../support/hostile';
import { memoryFolder } from '../support/memoryFolder';
import { npy, npyText } from '../support/npyBuilder';
import {
  global,
  ints,
  type Piece,
  pickle,
  proto2,
  reduce,
  stateDict,
  tensor,
  torchFile,
  torchRecords,
} from '../support/pickleBuilder';
import { graphProto, len, num, onnxFile, onnxWith, tag, tensorProto } from '../support/protoBuilder';
import { f32, safetensors } from '../support/safetensorsBuilder';
import { sparseSource } from '../support/sparseSource';
import { buildZip, concat, le, utf8 } from '../support/zipBuilder';

/**
 * Every limit that a file can meet, at the limit and one beyond it. `at` and `beyond` are codes:
 * where a file at the limit ends with one, it is that of what comes after the check.
 */
interface Limit {
  readonly what: string;
  readonly most: number;
  /** Does with a file of this much what the product does. */
  readonly read: (amount: number) => unknown;
  readonly at: string;
  readonly beyond: string;
}

/** What reading ends with: the code of the error, or the codes of the warnings, or "read". */
async function outcome(read: () => unknown): Promise<string> {
  try {
    const result = await read();
    if (typeof result === 'string') return result;
    const warnings = (result as { readonly warnings?: readonly { readonly code: string }[] } | undefined)?.warnings;
    return warnings?.map(({ code }) => code).join() || 'read';
  } catch (error) {
    if (error instanceof QuantscopeError) return error.code;
    throw error;
  }
}

/** A file of these bytes and then zeros. */
const startsWith = (bytes: Uint8Array, size: number, name?: string) => sparseSource([{ at: 0, bytes }], size, name);

const GiB = 2 ** 30;
const MiB = 2 ** 20;

const json = (text: string) => new JsonReader(utf8(text), 0, 'E_JSON', neverAborted).skip();
const index = (shards: readonly string[]) => {
  const map = Object.fromEntries(shards.map((shard, i) => [`t${i}`, shard]));
  return readIndex(bytesSource(utf8(JSON.stringify({ weight_map: map })), 'm.index.json'), neverAborted);
};
const smallPickle = (limits: Partial<PickleLimits>, ...body: readonly Piece[]) =>
  readPickle(pickle(...body, '.'), undefined, neverAborted, { limits: { ...pickleLimits, ...limits } });

/** An archive whose end records give these numbers, before which nothing but zeros stands. */
function directoryOf(count: number, size: number): ByteSource {
  const end = buildZip([], { zip64: { count: BigInt(count), size: BigInt(size), offset: 0n, locator: BigInt(size) } });
  return sparseSource([{ at: size, bytes: end }], size + end.length);
}

/** A deflated record of 64 KiB that says what it inflates to. */
const claims = (name: string, compressed: number, size: number) => ({
  name,
  data: new Uint8Array(compressed).fill(0xff),
  method: 8,
  size,
});

function exportedConfig(size: number): Promise<unknown> {
  const name = 'm/data/weights/model_weights_config.json';
  return openBytes(buildZip([{ name: 'm/archive_format', data: utf8('pt2') }, claims(name, 300_000, size)]));
}

function pickleOf(size: number, compressed = 2 ** 21): Promise<unknown> {
  return openBytes(buildZip([claims('model/data.pkl', compressed, size), ...torchRecords(stateDict()).slice(1)]));
}

/** Whole records without data and without a table. */
function records(count: number): ByteSource {
  const one = buildZip([{ name: 'r', data: new Uint8Array(0) }]).subarray(0, 31);
  const bytes = new Uint8Array(count * one.length);
  for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at);
  return bytesSource(bytes, 'model.pt');
}

/** Two records, of which the second starts here. */
function recordAt(offset: number): ByteSource {
  const header = buildZip([{ name: 'r', data: new Uint8Array(0), local: { size: 0 } }]).slice(0, 31);
  const first = header.slice();
  first.set(le(4, offset - 31), 18);
  return sparseSource(
    [
      { at: 0, bytes: first },
      { at: offset, bytes: header },
    ],
    offset + 31,
  );
}

/** Pickles in each other; the innermost one is counted. */
async function pickleInPickles(levels: number): Promise<string> {
  let inner = pickle(proto2, 'N.');
  for (let level = 0; level < levels; level++)
    inner = pickle(proto2, reduce(global('torch.storage', '_load_from_bytes'), ['B', le(4, inner.length), inner]), '.');
  const { warnings } = await openBytes(torchFile(inner));
  // That Python would load them is told as well.
  return warnings.map(({ code }) => code).find((code) => code !== 'E_PICKLE_DANGEROUS') ?? 'read';
}

const tensorAtDepth = async (depth: number) => {
  const data = pickle(proto2, ']'.repeat(depth), tensor(), 'a'.repeat(depth), '.');
  const file = await openBytes(torchFile(data));
  return file.tensors.length === 1 ? 'read' : codesOf(file).join();
};

const ones = (count: number) => Array<number>(count).fill(1);

async function torchRank(rank: number): Promise<string> {
  const value = tensor({ size: ints(...ones(rank)), stride: ints(...ones(rank)) });
  const file = await openBytes(torchFile(stateDict(['bad', value])));
  return codesOf(file).join() || 'read';
}

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
    what: 'bytes of an archive’s directory',
    most: 512 * MiB,
    read: (n) => readZip(directoryOf(1, n)),
    at: 'E_ZIP_DIRECTORY',
    beyond: 'E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'entries of an archive',
    most: 1_000_000,
    read: (n) => readZip(directoryOf(n, 46)),
    at: 'E_ZIP_DIRECTORY',
    beyond: 'E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'records of an archive without its table',
    most: 100_000,
    read: (n) => recoverEntries(records(n)),
    at: 'E_ZIP_TRUNCATED',
    beyond: 'E_ZIP_TRUNCATED,E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'bytes that are searched for them, the last header with them',
    most: GiB,
    read: (n) => recoverEntries(recordAt(n - 30)),
    at: 'E_ZIP_TRUNCATED',
    beyond: 'E_ZIP_TRUNCATED,E_ZIP_DIRECTORY_LIMIT',
  },
  {
    what: 'bytes of an inflated pickle',
    most: GiB,
    read: (n) => pickleOf(n),
    at: 'E_ZIP_INFLATE',
    beyond: 'E_ZIP_ENTRY_LIMIT',
  },
  {
    what: 'bytes that 1,000 may inflate to, and 1,024 for small entries',
    most: 1_032_000 + 1_024,
    read: (n) => pickleOf(n, 1_000),
    at: 'E_ZIP_INFLATE',
    beyond: 'E_ZIP_ENTRY_LIMIT',
  },
  {
    what: 'bytes of a bare pickle',
    most: GiB,
    read: (n) => openBarePickle(startsWith(pickle(proto2, 'N.'), n), neverAborted),
    at: 'E_PICKLE_TRAILING',
    beyond: 'E_PICKLE_TOO_BIG',
  },
  {
    what: 'opcodes',
    most: 64,
    read: (n) => smallPickle({ opcodes: 64 }, ...Array.from({ length: (n - 2) / 2 }, () => 'N0'), n % 2 ? 'NN0' : 'N'),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'values on the stack',
    most: 100,
    read: (n) => smallPickle({ stack: 100 }, 'N'.repeat(n)),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'values and marks on the stack',
    most: 100,
    read: (n) => smallPickle({ stack: 100 }, 'N', '('.repeat(n - 1), '1'.repeat(n - 1)),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'entries of the memo',
    most: 100,
    read: (n) => smallPickle({ memo: 100 }, 'N', ...Array.from({ length: n }, (_, i) => ['q', i])),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'entries of the memo, one of them stored again when it is full',
    most: 100,
    read: (n) => smallPickle({ memo: 100 }, 'N', ...Array.from({ length: n }, (_, i) => ['q', i]), 'q\0'),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'values that are used again',
    most: 100,
    read: (n) =>
      smallPickle(
        { memo: 100 },
        Array.from({ length: n }, () => ']2'),
      ),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'names that a pickle imports',
    most: 100,
    read: (n) =>
      smallPickle(
        { globals: 100 },
        Array.from({ length: n }, (_, i) => global('m', `n${i}`)),
      ),
    at: 'read',
    beyond: 'E_PICKLE_LIMIT',
  },
  {
    what: 'bytes of a whole number that is decoded',
    most: 64,
    read: (n) => {
      const { root } = readPickle(pickle(0x8a, n, new Uint8Array(n).fill(0x7f), '.'), undefined);
      return typeof root === 'bigint' ? 'read' : 'named';
    },
    at: 'read',
    beyond: 'named',
  },
  { what: 'pickles in a pickle', most: 3, read: pickleInPickles, at: 'read', beyond: 'E_PICKLE_UNJUDGED' },
  {
    what: 'keys of a dict that are compared',
    most: 100,
    read: (n) => ({
      warnings: keyWarnings(
        Array.from({ length: n }, (_, i) => [`k${i}`, null]),
        '',
        100,
      ),
    }),
    at: 'read',
    beyond: 'E_PT_LIMIT',
  },
  { what: 'levels of containers', most: 1_000, read: tensorAtDepth, at: 'read', beyond: 'E_PT_LIMIT' },
  {
    what: 'bytes of the description of exported weights',
    most: 256 * MiB,
    read: exportedConfig,
    at: 'E_ZIP_INFLATE',
    beyond: 'E_ZIP_ENTRY_LIMIT',
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
  { what: 'dimensions in PyTorch', most: 64, read: torchRank, at: 'read', beyond: 'E_PT_RANK' },
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

  for (const { what, most, read, at, beyond } of limits) {
    it(`${most} ${what}: ${at}; one more: ${beyond}`, async () => {
      assert.equal(await outcome(() => read(most)), at);
      assert.equal(await outcome(() => read(most + 1)), beyond);
    });
  }

  it('of the pickle machine are those of half a million tensors, and below what a Map holds', () => {
    assert.deepEqual(pickleLimits, { opcodes: 64_000_000, stack: 4_000_000, memo: 16_000_000, globals: 1_000_000 });
    assert.ok(pickleLimits.memo < 2 ** 24);
  });

  it('keep the bytes that are looked at to tell a format far below a mebibyte', async () => {
    const source = startsWith(utf8('nothing that is known'), GiB, 'model.bin');
    assert.match(await outcome(() => openFile(source, neverAborted)), /^E_/);
    assert.ok(source.bytesRead <= MiB, `${source.bytesRead} bytes`);
  });
});
