import { deflateRawSync } from 'node:zlib';
import type { ByteSource } from '../../src/core/byteSource';
import { bytesSource } from '../../src/core/byteSource';
import { readFixture } from './fixtures';
import { memoryFolder } from './memoryFolder';
import { type Mutant, mutate, mutateTokens, type Random, region, wholeFile } from './mutate';
import { npy, npyText } from './npyBuilder';
import { torchFile } from './pickleBuilder';
import { randomPickle } from './pickleGrammar';
import { f32, safetensors, safetensorsText } from './safetensorsBuilder';
import { tar, torchMembers } from './tarBuilder';
import { buildZip, concat, type EntrySpec, le, unzipStored, utf8 } from './zipBuilder';

/** A sound file, and one way to make bad ones of it. */
export interface FuzzTarget {
  /** Ids of the formats that it exercises. */
  readonly formats: readonly string[];
  readonly name: string;
  readonly mutants: () => Promise<Mutant>;
  /** The mutant as the file that is opened; by default alone, under the target's suffix. */
  readonly source: (bytes: Uint8Array) => ByteSource;
}

function target(
  formats: readonly string[],
  suffix: string,
  part: string,
  mutants: () => Mutant | Promise<Mutant>,
  source = (bytes: Uint8Array): ByteSource => bytesSource(bytes, `model${suffix}`),
): FuzzTarget {
  return { formats, name: `${suffix}, ${part}`, mutants: async () => mutants(), source };
}

const torch = (name: string) => readFixture('torch-2.13', name);

/** The entries whose names match, in an archive that is sound again: what CRC checks cannot find. */
function zipEntries(sound: Uint8Array, pattern: RegExp, change = mutate): Mutant {
  const entries = unzipStored(sound);
  return (random) =>
    buildZip(
      entries.map(
        (entry): EntrySpec => (pattern.test(entry.name) ? { ...entry, data: change(entry.data, random) } : entry),
      ),
    );
}

/** End records and central directory. */
function zipDirectory(sound: Uint8Array): Mutant {
  const view = new DataView(sound.buffer, sound.byteOffset, sound.byteLength);
  return region(sound, view.getUint32(sound.length - 22 + 16, true), sound.length);
}

const tensors = {
  __metadata__: { format: 'pt' },
  'a.weight': { dtype: 'F32', shape: [4, 2], data_offsets: [0, 32] },
  'a.bias': f32(4, 32),
  b: { dtype: 'F4', shape: [2, 4], data_offsets: [48, 52] },
  c: { dtype: 'BF16', shape: [], data_offsets: [52, 54] },
} as const;
const tensorBytes = 54;

/** Tokens of the header, whose length is right again. */
function safetensorsHeader(): Mutant {
  const text = JSON.stringify(tensors);
  return (random) => safetensorsText(mutateTokens(text, random), tensorBytes);
}

const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
const index = JSON.stringify({
  metadata: { total_size: 12 },
  weight_map: { a: shards[0], b: shards[0], c: shards[1] },
});
const inFolder = (bytes: Uint8Array): ByteSource =>
  memoryFolder(
    {
      'model.safetensors.index.json': bytes,
      [shards[0]]: safetensors({ a: f32(1), b: f32(1, 4) }, 8),
      [shards[1]]: safetensors({ c: f32(1) }, 4),
      'config.json': utf8('{"model_type":"x","architectures":["X"]}'),
    },
    'model.safetensors.index.json',
  );

const array = npy("'>f4'", '(3, 2)', 24, true);
const arrayHeader = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }";
const objects = npy("'|O'", '(1,)', Uint8Array.of(0x80, 2, 0x5d, 0x2e));
const archive = buildZip([
  { name: 'w.npy', data: array },
  { name: 'c.npy', data: npy("'<i8'", '(40,)', 320), deflate: true },
  { name: 'o.npy', data: objects },
]);

/** A member inflates to something else, or not at all. */
function compressedMember(random: Random): Uint8Array {
  const data = mutate(new Uint8Array(deflateRawSync(array)), random);
  return buildZip([{ name: 'w.npy', data, method: 8, size: array.length, compressedSize: data.length }]);
}

/** GGUF version 3: three facts, a float32 tensor and one of Q8_0. */
function gguf(): Uint8Array {
  const text = (value: string) => concat(le(8, value.length), utf8(value));
  const tensor = (name: string, sizes: readonly number[], type: number, offset: number) =>
    concat(text(name), le(4, sizes.length), ...sizes.map((size) => le(8, size)), le(4, type), le(8, offset));
  const head = concat(
    utf8('GGUF'),
    le(4, 3),
    le(8, 2),
    le(8, 3),
    concat(text('general.architecture'), le(4, 8), text('llama')),
    concat(text('general.alignment'), le(4, 4), le(4, 32)),
    concat(text('tokens'), le(4, 9), le(4, 8), le(8, 2), text('a'), text('b')),
    tensor('a.weight', [4, 2], 0, 0),
    tensor('b.weight', [32], 8, 32),
  );
  return concat(head, new Uint8Array((32 - (head.length % 32)) % 32), new Uint8Array(32 + 34));
}

/** Every format of the registry, by the parts that are worth damaging alone. */
export const fuzzTargets: readonly FuzzTarget[] = [
  target(['torch-zip'], '.pt', 'whole file', async () => wholeFile(await torch('recipe_lstm.pt'))),
  target(['torch-zip'], '.pt', 'directory', async () => zipDirectory(await torch('mlp.pt'))),
  target(['torch-zip'], '.pt', 'data.pkl', async () => zipEntries(await torch('mlp.pt'), /data\.pkl$/)),
  target(['torch-zip'], '.pt', 'quantized data.pkl', async () =>
    zipEntries(await torch('mlp.qnnpack.quantized.pt'), /data\.pkl$/),
  ),
  target(['torch-zip'], '.pt', 'module data.pkl', async () => zipEntries(await torch('mlp.module.pt'), /data\.pkl$/)),
  target(['torch-zip'], '.pt', 'TorchScript', async () => zipEntries(await torch('mlp.trace.pt'), /\.(pkl|py)$/)),
  target(['torch-zip'], '.pt2', 'description of an exported program', async () =>
    zipEntries(await readFixture('exported', 'mlp.pt2'), /_config\.json$/, (bytes, random) =>
      utf8(mutateTokens(new TextDecoder().decode(bytes), random)),
    ),
  ),
  target(['torch-legacy'], '.pth', 'whole file', async () => wholeFile(await torch('recipe_lstm.legacy.pth'))),
  target(['torch-tar'], '.pt', 'tar of 0.1', () => wholeFile(tar(torchMembers()))),
  target(['torch-zip'], '.pt', 'opcodes of a grammar', () => (random) => torchFile(randomPickle(random))),
  target(['pickle'], '.pkl', 'opcodes of a grammar', () => randomPickle),
  target(['pickle'], '.pkl', 'bare pickle', async () => {
    const entries = unzipStored(await torch('mlp.module.pt'));
    return wholeFile(entries.find(({ name }) => name.endsWith('data.pkl'))?.data ?? new Uint8Array(0));
  }),
  target(['safetensors'], '.safetensors', 'whole file', () => wholeFile(safetensors(tensors, tensorBytes))),
  target(['safetensors'], '.safetensors', 'tokens of the header', safetensorsHeader),
  target(['sharded'], '.index.json', 'whole file', () => wholeFile(utf8(index)), inFolder),
  target(['sharded'], '.index.json', 'tokens', () => (random) => utf8(mutateTokens(index, random)), inFolder),
  target(['npy'], '.npy', 'whole file', () => wholeFile(array)),
  target(['npy'], '.npy', 'tokens of the header', () => (random) => npyText(mutateTokens(arrayHeader, random), 24)),
  target(['npz'], '.npz', 'whole file', () => wholeFile(archive)),
  target(['npz'], '.npz', 'members', () =>
    zipEntries(
      buildZip([
        { name: 'w.npy', data: array },
        { name: 'o.npy', data: objects },
      ]),
      /./,
    ),
  ),
  target(['npz'], '.npz', 'compressed member', () => compressedMember),
  target(['onnx'], '.onnx', 'whole file', async () => wholeFile(await readFixture('onnx', 'mlp.qdq.onnx'))),
  target(['onnx'], '.onnx', 'every dtype', async () => wholeFile(await readFixture('onnx', 'dtypes.onnx'))),
  target(['onnx'], '.onnx', 'sparse tensors', async () => wholeFile(await readFixture('onnx', 'sparse.onnx'))),
  target(['onnx'], '.onnx', 'graph of scopes', async () => wholeFile(await readFixture('onnx', 'scoped.onnx'))),
  target(['gguf'], '.gguf', 'whole file', () => wholeFile(gguf())),
  // The header is where the decisions are.
  ...['little', 'big'].map((order) =>
    target(['gguf'], '.gguf', `header, ${order}-endian`, async () =>
      region(await readFixture('gguf', `${order}.gguf`), 0, 3_000),
    ),
  ),
];
