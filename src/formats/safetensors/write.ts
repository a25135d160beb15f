import { type ByteChunks, chunksOf } from '../../core/byteChunks';
import { byteLength, type DType } from '../../core/dtype';
import { unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import type { PlannedFile } from '../zip/write';

/** A tensor to write: row-major little-endian bytes on demand. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): ByteChunks;
}

/** What the format calls PyTorch's dtypes: safetensors/src/tensor.rs. A quantized tensor is its integers. */
const names: Partial<Record<DType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  float8_e8m0fnu: 'F8_E8M0',
  complex64: 'C64',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
  qint8: 'I8',
  quint8: 'U8',
  qint32: 'I32',
};

/** The header's length is a multiple of this, so that the data starts aligned. */
const alignment = 8;

/**
 * One safetensors file. The reference writer puts larger elements first and names in order within
 * one size (safetensors/src/tensor.rs, prepare); so does this.
 */
function planSafetensors(
  entries: readonly SafetensorsEntry[],
  metadata: Readonly<Record<string, string>> = {},
): PlannedFile {
  const ordered = [...entries].sort((a, b) => width(b) - width(a) || (a.name < b.name ? -1 : 1));
  let at = 0;
  const fields = ordered.map((entry) => {
    const start = at;
    at += byteLength(entry.dtype, numel(entry.shape));
    return `${JSON.stringify(entry.name)}:{"dtype":"${nameOf(entry)}","shape":[${entry.shape.join(',')}],"data_offsets":[${start},${at}]}`;
  });
  const meta = Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  const header = padded(new TextEncoder().encode(`{${[...meta, ...fields].join(',')}}`));
  return {
    size: 8 + header.length + at,
    async *chunks() {
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
      yield length;
      yield header;
      for (const entry of ordered) yield* chunksOf(entry.data());
    },
  };
}

function nameOf({ dtype, name }: SafetensorsEntry): string {
  const found = names[dtype];
  if (found !== undefined) return found;
  throw unsupported('E_EXPORT_DTYPE', `safetensors has no name for ${dtype}.`, {
    where: { tensor: name },
    hint: 'Export to PyTorch instead, or leave this tensor out.',
  });
}

function width({ dtype }: SafetensorsEntry): number {
  return byteLength(dtype, 1);
}

function padded(header: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(header.length / alignment) * alignment).fill(0x20);
  out.set(header);
  return out;
}

export interface ShardedFiles {
  readonly files: readonly { readonly name: string; readonly plan: PlannedFile }[];
}

/**
 * One file, or shards of at most `maxBytes` of tensors each with an index, named as Hugging Face
 * names them: `model-00001-of-00003.safetensors` and `model.safetensors.index.json`.
 */
export function planShards(
  stem: string,
  entries: readonly SafetensorsEntry[],
  metadata: Readonly<Record<string, string>>,
  maxBytes: number,
): ShardedFiles {
  const shards: SafetensorsEntry[][] = [[]];
  let size = 0;
  let total = 0;
  for (const entry of entries) {
    const bytes = byteLength(entry.dtype, numel(entry.shape));
    if (size > 0 && size + bytes > maxBytes) {
      shards.push([]);
      size = 0;
    }
    shards[shards.length - 1].push(entry);
    size += bytes;
    total += bytes;
  }
  if (shards.length === 1)
    return { files: [{ name: `${stem}.safetensors`, plan: planSafetensors(entries, metadata) }] };
  const digits = (n: number) => String(n).padStart(5, '0');
  const files = shards.map((shard, i) => ({
    name: `${stem}-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`,
    plan: planSafetensors(shard, metadata),
    shard,
  }));
  const map = Object.fromEntries(files.flatMap(({ name, shard }) => shard.map((entry) => [entry.name, name])));
  const index = JSON.stringify({ metadata: { ...metadata, total_size: total }, weight_map: map }, null, 2);
  const bytes = new TextEncoder().encode(`${index}\n`);
  return {
    files: [
      ...files.map(({ name, plan }) => ({ name, plan })),
      { name: `${stem}.safetensors.index.json`, plan: wholeFile(bytes) },
    ],
  };
}

function wholeFile(bytes: Uint8Array): PlannedFile {
  return {
    size: bytes.length,
    async *chunks() {
      yield bytes;
    },
  };
}
