import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { byteLength, dtypes } from '../../core/dtype';
import { malformed, QuantscopeError, unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import type { TensorRecord } from '../types';
import { rawBytes } from './dataTypes';
import type { ExternalFiles } from './external';
import { maxTensorBytes } from './limits';
import { dataProblem, type Payload, typedItems } from './tensorRecords';
import type { DataRun } from './types';
import { unpackBits } from './unpack';
import { eachVarint } from './varints';

/**
 * The part of a tensor that a record shows: all of it, or a contiguous run of its elements, of
 * which no more than that is read where the file stores whole bytes.
 */
export async function readPart(
  source: ByteSource,
  files: ExternalFiles,
  payload: Payload,
  { dtype, shape, storageOffset }: TensorRecord,
  abort: AbortCheck,
): Promise<Uint8Array> {
  const count = numel(shape);
  if (payload.kind === 'sparse' || (storageOffset === 0 && count === payload.count))
    return readPayload(source, files, payload, abort);
  const width = dtypes[dtype].bytes;
  const begin = storageOffset * width;
  if (isRaw(payload) && payload.type.bits >= 8) return readRaw(source, files, payload, begin, count * width);
  return (await readPayload(source, files, payload, abort)).subarray(begin, begin + count * width);
}

/** Elements [start, start + count) of a record; undefined where the file does not store them as whole bytes in one piece. */
export async function readElements(
  source: ByteSource,
  files: ExternalFiles,
  payload: Payload,
  { dtype, storageOffset }: TensorRecord,
  start: number,
  count: number,
  into: Uint8Array | undefined,
): Promise<Uint8Array | undefined> {
  if (payload.kind === 'sparse' || payload.type.dtype === undefined || payload.type.bits < 8) return undefined;
  if (!isRaw(payload)) return undefined;
  const { bytes: width } = dtypes[dtype];
  return readRaw(source, files, payload, (storageOffset + start) * width, count * width, into);
}

function isRaw({ external, tensor }: Payload & { kind: 'dense' }): boolean {
  return external !== undefined || tensor.data.at(-1)?.field === 'raw';
}

/** The elements, contiguous, row-major and little-endian, in the dtype of the tensor's record. */
async function readPayload(
  source: ByteSource,
  files: ExternalFiles,
  payload: Payload,
  abort: AbortCheck,
): Promise<Uint8Array> {
  abort.throwIfAborted();
  if (payload.kind === 'sparse') return readSparse(source, files, payload, abort);
  const { type, count } = payload;
  if (type.dtype === undefined) throw unsupported('E_ONNX_DTYPE', 'The tensor holds text, not numbers.');
  refuseLarge(byteLength(type.dtype, count));
  if (count === 0) return new Uint8Array(0);
  const raw = isRaw(payload);
  const stored = raw
    ? await readRaw(source, files, payload, 0, rawBytes(type, count))
    : await readTyped(source, payload, abort);
  return type.bits < 8 && !(type.bits === 6 && !raw) ? unpackBits(stored, type, count) : widen6(stored, payload);
}

/** Six-bit values in a typed field stand one in a byte. */
function widen6(stored: Uint8Array, { type, count }: Payload & { kind: 'dense' }): Uint8Array {
  if (type.bits !== 6) return stored;
  const packed = new Uint8Array(rawBytes(type, count) + 1);
  stored.forEach((code, i) => {
    const shifted = (code & 0x3f) << ((i * 6) & 7);
    packed[(i * 6) >> 3] |= shifted;
    packed[((i * 6) >> 3) + 1] |= shifted >> 8;
  });
  return unpackBits(packed, type, count);
}

function refuseLarge(bytes: number): void {
  if (bytes <= maxTensorBytes) return;
  throw unsupported('E_TENSOR_LIMIT', `The tensor has ${bytes} bytes; ${maxTensorBytes} fit into memory at once.`);
}

/** Bytes `[begin, begin + length)` of what raw_data or the other file holds. */
async function readRaw(
  source: ByteSource,
  files: ExternalFiles,
  { tensor, type, count, external }: Payload & { kind: 'dense' },
  begin: number,
  length: number,
  into?: Uint8Array,
): Promise<Uint8Array> {
  if (external === undefined) {
    const run = tensor.data[tensor.data.length - 1];
    return run.inline?.subarray(begin, begin + length) ?? source.read(run.offset + begin, length, into);
  }
  const file = await files.open(external.location, tensor.region.offset);
  if (file === undefined) throw new QuantscopeError(missing(external.location, tensor.region.offset));
  const end = external.offset + rawBytes(type, count);
  if (end > file.size) throw new QuantscopeError(short(external.location, end, file.size));
  return file.read(external.offset + begin, length, into);
}

/** What is wrong when the other file is not there. */
export function missing(location: string, offset: number) {
  return {
    code: 'E_ONNX_EXTERNAL_MISSING',
    kind: 'io',
    message: `The tensor's values are in ${JSON.stringify(location.slice(0, 200))}, which is not beside the model.`,
    where: { offset, field: 'external_data.location' },
    hint: 'Put the file into the folder of the model.',
  } as const;
}

/** What is wrong when the other file ends too early. */
export function short(location: string, needed: number, size: number) {
  return {
    code: 'E_ONNX_EXTERNAL_SHORT',
    kind: 'malformed',
    message: `The file ${JSON.stringify(location.slice(0, 200))} beside the model is too short for the tensor.`,
    where: { field: 'external_data.offset' },
    found: `${size} bytes`,
    expected: `at least ${needed}`,
    hint: 'The download or copy stopped, or the file belongs to another model.',
  } as const;
}

async function readRun(source: ByteSource, run: DataRun): Promise<Uint8Array> {
  return run.inline ?? source.read(run.offset, run.length);
}

/** The typed fields: fixed widths are copied, varints keep the low bytes of their width. */
async function readTyped(
  source: ByteSource,
  { tensor, type, count }: Payload & { kind: 'dense' },
  abort: AbortCheck,
): Promise<Uint8Array> {
  const items = typedItems(type, count);
  const width = type.bits < 8 ? 1 : Math.min(dtypes[type.dtype ?? 'uint8'].bytes, type.field === 'float' ? 4 : 8);
  const out = new Uint8Array(items * width);
  const view = new DataView(out.buffer);
  let filled = 0;
  for (const run of tensor.data) {
    abort.throwIfAborted();
    const bytes = await readRun(source, run);
    if (run.field === 'float' || run.field === 'double') filled += copyFixed(bytes, run, width, out, filled);
    else
      filled += eachVarint(bytes, !run.packed, run.offset, (low, high, index) => {
        const at = (filled + index) * width;
        if (at + width > out.length) return;
        if (width === 1) out[at] = low;
        else if (width === 2) view.setUint16(at, low, true);
        else view.setUint32(at, low, true);
        if (width === 8) view.setUint32(at + 4, high, true);
      });
  }
  if (filled !== items)
    throw new QuantscopeError(
      dataProblem(tensor, 'The data are not as many as the shape asks for.', `${filled} values`, `${items}`),
    );
  return out;
}

/** Values of 4 or 8 bytes, each behind a tag of its own when the run is unpacked. */
function copyFixed(bytes: Uint8Array, run: DataRun, width: number, out: Uint8Array, filled: number): number {
  if (run.packed) {
    out.set(bytes.subarray(0, Math.max(0, out.length - filled * width)), filled * width);
    return bytes.length / width;
  }
  const step = run.length / run.count;
  for (let i = 0; i < run.count; i++) {
    const value = bytes.subarray((i + 1) * step - width, (i + 1) * step);
    if ((filled + i + 1) * width <= out.length) out.set(value, (filled + i) * width);
  }
  return run.count;
}

async function readSparse(
  source: ByteSource,
  files: ExternalFiles,
  { values, indices, shape }: Payload & { kind: 'sparse' },
  abort: AbortCheck,
): Promise<Uint8Array> {
  const dtype = values.type.dtype ?? 'uint8';
  const { bytes: width } = dtypes[dtype];
  refuseLarge(byteLength(dtype, numel(shape)));
  const places = await readSparseIndices(source, files, indices, shape, abort);
  const stored = await readPayload(source, files, values, abort);
  const out = new Uint8Array(numel(shape) * width);
  places.forEach((place, i) => {
    out.set(stored.subarray(i * width, (i + 1) * width), place * width);
  });
  return out;
}

/** Row-major places of the nonzeros, each checked against the shape. */
export async function readSparseIndices(
  source: ByteSource,
  files: ExternalFiles,
  indices: Payload & { kind: 'dense' },
  shape: readonly number[],
  abort: AbortCheck,
): Promise<number[]> {
  const bytes = await readPayload(source, files, indices, abort);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = indices.tensor.dims.length === 1 ? [numel(shape)] : shape;
  const places: number[] = [];
  for (let i = 0; i < indices.count; i += sizes.length) {
    let place = 0;
    for (const [d, size] of sizes.entries()) {
      const index = view.getBigInt64((i + d) * 8, true);
      if (index < 0n || index >= BigInt(size)) {
        throw malformed('E_ONNX_SPARSE', 'An index of the sparse tensor is outside its shape.', {
          where: { offset: indices.tensor.region.offset },
          found: `index ${index}`,
          expected: `0 to ${size - 1}`,
        });
      }
      place = place * size + Number(index);
    }
    places.push(place);
  }
  return places;
}
