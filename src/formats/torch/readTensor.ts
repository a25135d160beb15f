import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { byteLength, type DType, dtypes } from '../../core/dtype';
import { invalid, malformed, QuantscopeError, unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import type { TensorRecord } from '../types';
import { dataOffset, readEntry, refuseUnreadable } from '../zip/read';
import type { ZipEntry } from '../zip/types';
import { isRowMajor } from './rebuild';

/** One tensor in memory: more is refused with its size instead of failing half way. */
const maxTensorBytes = 2 ** 31 - 1;

/** The tensor's elements, contiguous and little-endian; reads its part of the storage only. */
export async function readTensorBytes(
  source: ByteSource,
  tensor: TensorRecord,
  entry: ZipEntry | undefined,
  bigEndian: boolean,
  abort: AbortCheck,
): Promise<Uint8Array> {
  if (tensor.problem !== undefined) throw new QuantscopeError(tensor.problem);
  if (entry === undefined) throw malformed('E_PT_STORAGE_MISSING', 'The tensor’s record is missing.');
  const count = numel(tensor.shape);
  if (count === 0) return new Uint8Array(0);
  const bytes = byteLength(tensor.dtype, count);
  if (bytes > maxTensorBytes) {
    throw unsupported('E_TENSOR_LIMIT', `The tensor has ${bytes} bytes; ${maxTensorBytes} fit into memory at once.`, {
      where: { entry: entry.name },
    });
  }
  abort.throwIfAborted();
  const itemBytes = dtypes[tensor.dtype].bytes;
  const rowMajor = isRowMajor(tensor);
  if (itemBytes < 1 && (!rowMajor || tensor.storageOffset !== 0)) {
    throw unsupported('E_PT_PACKED_VIEW', `Views of ${tensor.dtype} cannot be read yet.`, {
      where: { entry: entry.name },
    });
  }
  const span = rowMajor ? bytes : (lastElement(tensor) + 1 - tensor.storageOffset) * itemBytes;
  const raw = await readSpan(source, entry, Math.floor(tensor.storageOffset * itemBytes), span);
  abort.throwIfAborted();
  const contiguous = rowMajor ? raw : gather(raw, tensor, count, itemBytes);
  return bigEndian ? swapped(contiguous, tensor.dtype) : contiguous;
}

function lastElement({ storageOffset, shape, strides }: TensorRecord): number {
  return shape.reduce((last, size, i) => last + (size - 1) * strides[i], storageOffset);
}

/** A part of a storage: by range where it is stored, else inflated whole. */
async function readSpan(source: ByteSource, entry: ZipEntry, offset: number, length: number): Promise<Uint8Array> {
  refuseUnreadable(entry);
  if (entry.method === 'stored') return source.read((await dataOffset(source, entry)) + offset, length);
  return (await readEntry(source, entry, maxTensorBytes)).subarray(offset, offset + length);
}

/** Elements in row-major order out of the span that starts at the view's first element. */
function gather(raw: Uint8Array, { shape, strides }: TensorRecord, count: number, itemBytes: number): Uint8Array {
  const out = new Uint8Array(count * itemBytes);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let i = 0; i < count; i++) {
    for (let b = 0; b < itemBytes; b++) out[i * itemBytes + b] = raw[from * itemBytes + b];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

/** Bytes in reverse within each element; each half of a complex number by itself. */
function swapped(bytes: Uint8Array, dtype: DType): Uint8Array {
  const { bytes: itemBytes, kind } = dtypes[dtype];
  const width = kind === 'complex' ? itemBytes / 2 : itemBytes;
  if (width <= 1) return bytes;
  if (bytes.length % width !== 0) throw invalid('E_SHAPE', 'The bytes are no whole number of elements.');
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[i - (i % width) + (width - 1 - (i % width))];
  return out;
}
