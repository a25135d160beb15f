import type { AbortCheck } from '../../core/abort';
import { byteLength, type DType, dtypes } from '../../core/dtype';
import { invalid, malformed, QuantscopeError, unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import type { TensorRecord } from '../types';
import { maxTensorBytes } from './limits';
import { negate } from './negate';
import { isRowMajor } from './rebuild';
import { inlineStorage, type Storage } from './storage';

/** The tensor's elements, contiguous and little-endian; reads its part of the storage only. */
export async function readTensorBytes(
  container: Storage | undefined,
  tensor: TensorRecord,
  bigEndian: boolean,
  abort: AbortCheck,
  into?: Uint8Array,
): Promise<Uint8Array> {
  if (tensor.problem !== undefined) throw new QuantscopeError(tensor.problem);
  const count = numel(tensor.shape);
  if (count === 0) return new Uint8Array(0);
  const { inline, key } = tensor.storage;
  const storage = inline === undefined ? container : inlineStorage(key, inline);
  if (storage === undefined) throw malformed('E_PT_STORAGE_MISSING', 'The tensor’s record is missing.');
  const where = { entry: storage.name };
  const bytes = byteLength(tensor.dtype, count);
  if (bytes > maxTensorBytes) {
    throw unsupported('E_TENSOR_LIMIT', `The tensor has ${bytes} bytes; ${maxTensorBytes} fit into memory at once.`, {
      where,
    });
  }
  abort.throwIfAborted();
  const itemBytes = dtypes[tensor.dtype].bytes;
  const rowMajor = isRowMajor(tensor);
  if (itemBytes < 1 && (!rowMajor || tensor.storageOffset !== 0)) {
    throw unsupported('E_PT_PACKED_VIEW', `Views of ${tensor.dtype} cannot be read yet.`, { where });
  }
  const span = rowMajor ? bytes : (lastElement(tensor) + 1 - tensor.storageOffset) * itemBytes;
  const raw = await storage.read(Math.floor(tensor.storageOffset * itemBytes), span, into);
  abort.throwIfAborted();
  const contiguous = rowMajor ? raw : gather(raw, tensor, count, itemBytes);
  const little = (tensor.storage.bigEndian ?? bigEndian) ? swapped(contiguous, tensor.dtype) : contiguous;
  return tensor.negated === undefined ? little : negate(little, tensor.dtype, tensor.negated);
}

/** A part of a tensor; undefined where it does not lie in one piece. */
export async function readTensorRange(
  container: Storage | undefined,
  tensor: TensorRecord,
  start: number,
  count: number,
  bigEndian: boolean,
  abort: AbortCheck,
  into: Uint8Array | undefined,
): Promise<Uint8Array | undefined> {
  if (dtypes[tensor.dtype].bytes < 1 || !isRowMajor(tensor)) return undefined;
  const storageOffset = tensor.storageOffset + start;
  return readTensorBytes(container, { ...tensor, shape: [count], strides: [1], storageOffset }, bigEndian, abort, into);
}

function lastElement({ storageOffset, shape, strides }: TensorRecord): number {
  return shape.reduce((last, size, i) => last + (size - 1) * strides[i], storageOffset);
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
