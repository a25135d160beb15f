import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { malformed } from '../core/errors';
import { appendedZipWarnings } from './appendedZip';
import { openGguf } from './gguf/read';
import { ggufMagic, sniffGguf } from './gguf/sniff';
import { readConfig, withConfig } from './huggingface/read';
import { isNpz, openNpz } from './npy/archive';
import { openNpy } from './npy/read';
import { npyMagic, sniffNpy, sniffNpz } from './npy/sniff';
import { openOnnx } from './onnx/read';
import { sniffOnnx } from './onnx/sniff';
import { openSafetensors } from './safetensors/read';
import { sniffSafetensors } from './safetensors/sniff';
import { openSharded } from './sharded/read';
import { sniffShardIndex } from './sharded/sniff';
import { openBarePickle } from './torch/barePickle';
import { openTorchLegacy } from './torch/legacy';
import { openTorchZip } from './torch/read';
import { sniffBarePickle, sniffTorchLegacy, sniffTorchTar, sniffTorchZip } from './torch/sniff';
import { openTorchTar } from './torch/tar';
import type { Format, ModelFile, Warning } from './types';
import { looksLikeElse, unknownContent } from './unknownContent';

/** The formats of one file, in the order in which they are tried. Content decides, not the suffix. */
const singleFormats: readonly Format[] = [
  {
    id: 'npz',
    name: 'a NumPy archive',
    suffixes: ['.npz'],
    magic: [0x50, 0x4b, 3, 4],
    sniff: sniffNpz,
    accepts: isNpz,
    open: openNpz,
  },
  { id: 'npy', name: 'a NumPy array', suffixes: ['.npy'], magic: npyMagic, sniff: sniffNpy, open: openNpy },
  {
    id: 'torch-zip',
    name: 'PyTorch',
    suffixes: ['.pt', '.pth', '.ckpt', '.bin', '.pkl'],
    magic: [0x50, 0x4b, 3, 4],
    hasConfig: true,
    sniff: sniffTorchZip,
    open: openTorchZip,
  },
  {
    id: 'torch-legacy',
    name: 'PyTorch',
    suffixes: [],
    magic: [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46],
    sniff: sniffTorchLegacy,
    open: openTorchLegacy,
  },
  { id: 'torch-tar', name: 'PyTorch', suffixes: [], sniff: sniffTorchTar, open: openTorchTar },
  {
    id: 'safetensors',
    name: 'safetensors',
    suffixes: ['.safetensors'],
    hasConfig: true,
    sniff: sniffSafetensors,
    open: openSafetensors,
  },
  {
    id: 'pickle',
    name: 'PyTorch',
    suffixes: [],
    sniff: sniffBarePickle,
    open: openBarePickle,
  },
  { id: 'gguf', name: 'GGUF', suffixes: ['.gguf'], magic: ggufMagic, sniff: sniffGguf, open: openGguf },
  // Protocol Buffers has no magic, so it is asked last.
  { id: 'onnx', name: 'ONNX', suffixes: ['.onnx'], sniff: sniffOnnx, open: openOnnx },
];

/** All formats: those of one file, and the index that joins several. */
export const formats: readonly Format[] = [
  ...singleFormats,
  {
    id: 'sharded',
    name: 'an index of shards',
    suffixes: ['.safetensors.index.json', '.bin.index.json'],
    isText: true,
    hasConfig: true,
    sniff: sniffShardIndex,
    open: (source, abort) => openSharded(source, abort, openShard),
  },
];

/** Bytes that are looked at to tell the format. */
const sniffBytes = 4_096;

/** Opens a file of any known format; throws an error that says what the file looks like instead. */
export function openFile(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  return openAs(formats, source, abort);
}

/** A shard is a whole file by itself, but no further index. */
function openShard(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  return openAs(singleFormats, source, abort);
}

async function openAs(among: readonly Format[], source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  if (source.size === 0) {
    throw malformed('E_EMPTY', 'The file is empty.', {
      where: { file: source.name, offset: 0 },
      found: '0 bytes',
      expected: 'a model file',
      hint: 'The download or copy did not start; fetch the file again.',
    });
  }
  const prefix = await source.read(0, Math.min(source.size, sniffBytes));
  const named = formatNamed(among, source.name);
  const format = (await recognise(among, source, prefix)) ?? bareFormat(named, prefix, source);
  if (format === undefined) throw unknownContent(prefix, source, among, named);
  const opened = await format.open(source, abort);
  const config = format.hasConfig && among === formats ? await readConfig(source, abort) : undefined;
  const file = config === undefined ? opened : withConfig(opened, config);
  const appended = sniffTorchZip(prefix) ? [] : await appendedZipWarnings(source);
  return { ...file, warnings: [...nameWarnings(source, format, named), ...appended, ...file.warnings] };
}

async function recognise(
  among: readonly Format[],
  source: ByteSource,
  prefix: Uint8Array,
): Promise<Format | undefined> {
  for (const format of among) {
    if (format.sniff(prefix) && ((await format.accepts?.(source)) ?? true)) return format;
  }
  return undefined;
}

/** The format that the file's name promises: the longest suffix that fits. */
function formatNamed(among: readonly Format[], name: string): Format | undefined {
  const lower = name.toLowerCase();
  const fits = among.flatMap((format) =>
    format.suffixes.filter((suffix) => lower.endsWith(suffix)).map((suffix) => ({ format, length: suffix.length })),
  );
  return fits.sort((a, b) => b.length - a.length)[0]?.format;
}

/** A format without magic is taken at the file's word, so that its reader can say what is wrong. */
function bareFormat(named: Format | undefined, prefix: Uint8Array, source: ByteSource): Format | undefined {
  if (named === undefined || named.magic !== undefined) return undefined;
  return looksLikeElse(prefix, source, named) ? undefined : named;
}

function nameWarnings({ name }: ByteSource, format: Format, named: Format | undefined): Warning[] {
  if (named === undefined || named === format || named.name === format.name) return [];
  const suffix = name.slice(name.lastIndexOf('.'));
  return [{ code: 'E_NAME', message: `The file is named ${suffix} but contains ${format.name}.` }];
}
