import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { byteLength, dtypes } from '../../core/dtype';
import { QuantscopeError, unsupported } from '../../core/errors';
import type { ModelFile, TensorRecord, Warning } from '../types';
import { cappedWarnings } from '../warnings';
import { decodeFloat4 } from './dtypes';
import { readDamagedHeader, readHeader } from './header';
import { layOut } from './layout';
import { maxTensorBytes } from './limits';

/**
 * A safetensors file: the header is read, tensors stay where they are. Of a `damaged` one the
 * tensors that the header names before it breaks off.
 */
export async function openSafetensors(source: ByteSource, abort: AbortCheck, damaged = false): Promise<ModelFile> {
  const header = await (damaged ? readDamagedHeader : readHeader)(source, abort);
  const { tensors, warnings } = layOut(header, source.size, source.name, abort);
  return {
    format: 'safetensors',
    label: 'safetensors',
    bytes: source.size,
    tensors,
    metadata: Object.fromEntries(header.metadata),
    moduleVersions: new Map(),
    moduleTypes: new Map(),
    warnings: cappedWarnings([...(await shardWarnings(source)), ...header.warnings, ...warnings]),
    safety: { verdict: 'safe', globals: [] },
    opaque: [],
    readTensor: (tensor, check) => readTensor(source, tensor, check),
    readRange: (tensor, start, count, check, into) => readRange(source, tensor, start, count, check, into),
  };
}

async function readTensor(source: ByteSource, tensor: TensorRecord, abort: AbortCheck): Promise<Uint8Array> {
  if (tensor.problem !== undefined) throw new QuantscopeError(tensor.problem);
  abort.throwIfAborted();
  const { offset = 0 } = tensor.storage;
  const bytes = tensorBytes(tensor);
  if (bytes > maxTensorBytes) {
    throw unsupported('E_TENSOR_LIMIT', `The tensor has ${bytes} bytes; ${maxTensorBytes} fit into memory at once.`, {
      where: { file: source.name, offset },
    });
  }
  const raw = await source.read(offset, bytes);
  return tensor.encoding?.name === 'F4' ? decodeFloat4(raw) : raw;
}

async function readRange(
  source: ByteSource,
  tensor: TensorRecord,
  start: number,
  count: number,
  abort: AbortCheck,
  into: Uint8Array | undefined,
): Promise<Uint8Array | undefined> {
  if (tensor.problem !== undefined) throw new QuantscopeError(tensor.problem);
  const { dtype, storage, encoding } = tensor;
  if (encoding !== undefined || dtypes[dtype].bytes < 1) return undefined;
  abort.throwIfAborted();
  return source.read((storage.offset ?? 0) + byteLength(dtype, start), byteLength(dtype, count), into);
}

function tensorBytes({ dtype, storage, encoding }: TensorRecord): number {
  return encoding?.bytes ?? byteLength(dtype, storage.numel);
}

/** `name-00002-of-00007.safetensors`, as the Hugging Face libraries name shards. */
const shardName = /^(.+)-(\d{5})-of-(\d{5})\.safetensors$/;

/** A shard by itself is a part of a model; its index knows the others. */
async function shardWarnings(source: ByteSource): Promise<Warning[]> {
  const [, stem, part, count] = shardName.exec(source.name) ?? [];
  if (stem === undefined) return [];
  const index = `${stem}.safetensors.index.json`;
  const there = await source.sibling?.(index).catch(() => undefined);
  const advice = there === undefined ? 'Its index is not in this folder.' : `Open ${index} for the whole model.`;
  return [{ code: 'E_ST_SHARD', message: `This is shard ${Number(part)} of ${Number(count)}. ${advice}` }];
}
