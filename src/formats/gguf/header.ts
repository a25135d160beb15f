import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, unsupported } from '../../core/errors';
import { GgufCursor } from './cursor';
import { maxAlignment, maxKeyValues, maxRank, maxTensors, maxTextBytes } from './limits';
import type { GgufHeader, KeyValue, TensorInfo } from './types';
import { readString, readValue } from './values';

const newestVersion = 3;

/** A key of one byte and the smallest value; a name of no bytes, no dimensions. */
const leastKeyValueBytes = 14;
const leastTensorBytes = 24;

/** Magic, version, metadata and tensor table: everything before the data. */
export async function readHeader(source: ByteSource, abort: AbortCheck): Promise<GgufHeader> {
  const cursor = new GgufCursor(source);
  await cursor.need(24, 'header');
  cursor.position = 4;
  const version = readVersion(cursor);
  const tensorCount = readCount(cursor, 'tensor_count', maxTensors);
  const keyCount = readCount(cursor, 'kv_count', maxKeyValues);
  refuseBeyondFile(cursor, 'kv_count', keyCount, leastKeyValueBytes, 16);
  const keyValues = await readKeyValues(cursor, keyCount, abort);
  const alignment = alignmentOf(keyValues);
  refuseBeyondFile(cursor, 'tensor_count', tensorCount, leastTensorBytes, 8);
  const tensors = await readTensorTable(cursor, tensorCount, abort);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { version, bigEndian: cursor.bigEndian, keyValues, tensors, alignment, dataStart };
}

/** A small number in one of the two byte orders: the other order shows it in the upper half. */
function readVersion(cursor: GgufCursor): number {
  const little = cursor.uint32();
  cursor.bigEndian = little !== 0 && (little & 0xffff) === 0;
  cursor.position = 4;
  const version = cursor.uint32();
  if (version === 2 || version === newestVersion) return version;
  throw unsupported('E_GGUF_VERSION', 'The file has a version of GGUF that is not read here.', {
    where: { offset: 4, field: 'version' },
    found: `version ${version}${cursor.bigEndian ? ', big endian' : ''}`,
    expected: `2 or ${newestVersion}`,
    hint: version === 1 ? 'Convert the model again with a newer llama.cpp; it reads no version 1 either.' : undefined,
  });
}

function readCount(cursor: GgufCursor, field: string, most: number): number {
  const at = cursor.position;
  const count = cursor.uint64();
  if (count <= most) return Number(count);
  throw malformed('E_GGUF_COUNT', `The file says that it has more than it can have: ${field}.`, {
    where: { offset: at, field },
    found: `${count}`,
    expected: `at most ${most}`,
  });
}

function refuseBeyondFile(cursor: GgufCursor, field: string, count: number, least: number, offset: number): void {
  const most = Math.floor(cursor.left / least);
  if (count <= most) return;
  throw malformed('E_GGUF_COUNT', `The file is too short for what it says it has: ${field}.`, {
    where: { offset, field },
    found: `${count}`,
    expected: `at most ${most} in the ${cursor.left} bytes from byte ${cursor.position} on`,
    hint: 'The download or copy stopped, or the file is damaged.',
  });
}

async function readKeyValues(cursor: GgufCursor, count: number, abort: AbortCheck): Promise<Map<string, KeyValue>> {
  const keyValues = new Map<string, KeyValue>();
  for (let i = 0; i < count; i++) {
    abort.throwIfAborted();
    const offset = cursor.position;
    const key = await readString(cursor, `key ${i}`, maxTextBytes);
    if (key === '' || keyValues.has(key)) {
      throw malformed(
        key === '' ? 'E_GGUF_KEY' : 'E_GGUF_DUPLICATE',
        key === '' ? 'A key of the metadata is empty.' : 'A key of the metadata comes twice.',
        { where: { offset, field: `key ${i}` }, found: JSON.stringify(key.slice(0, 80)), expected: 'different names' },
      );
    }
    keyValues.set(key, { key, offset, ...(await readValue(cursor, key.slice(0, 80), abort)) });
  }
  return keyValues;
}

const defaultAlignment = 32;

function alignmentOf(keyValues: ReadonlyMap<string, KeyValue>): number {
  const entry = keyValues.get('general.alignment');
  if (entry === undefined) return defaultAlignment;
  const { type, value, text, offset } = entry;
  const sound = type === 'uint32' && typeof value === 'number' && value <= maxAlignment && isPowerOfTwo(value);
  if (sound) return value;
  throw malformed('E_GGUF_ALIGNMENT', 'The alignment of the data cannot be.', {
    where: { offset, field: 'general.alignment' },
    found: `${text.slice(0, 80)} as ${type}`,
    expected: `a power of two up to ${maxAlignment}, as uint32`,
  });
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

async function readTensorTable(cursor: GgufCursor, count: number, abort: AbortCheck): Promise<TensorInfo[]> {
  const tensors: TensorInfo[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    if (i % 1_024 === 0) abort.throwIfAborted();
    const at = cursor.position;
    const field = `tensor ${i}`;
    const name = await readString(cursor, field, maxTextBytes);
    const nameBytes = cursor.position - at - 8;
    if (names.has(name)) {
      throw malformed('E_GGUF_DUPLICATE', 'Two tensors have one name.', {
        where: { offset: at, field, tensor: name.slice(0, 80) },
        found: JSON.stringify(name.slice(0, 80)),
        expected: 'different names',
      });
    }
    names.add(name);
    await cursor.need(4, field);
    const rank = cursor.uint32();
    if (rank > maxRank) {
      throw malformed('E_GGUF_RANK', 'A tensor has more dimensions than ggml knows.', {
        where: { offset: cursor.position - 4, field, tensor: name.slice(0, 80) },
        found: `${rank}`,
        expected: `at most ${maxRank}`,
      });
    }
    await cursor.need(rank * 8 + 12, field);
    const dims = Array.from({ length: rank }, () => cursor.uint64());
    tensors.push({ name, nameBytes, dims, type: cursor.uint32(), offset: cursor.uint64(), at });
  }
  return tensors;
}
