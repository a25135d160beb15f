import type { AbortCheck } from '../../core/abort';
import { byteLength, dtypes } from '../../core/dtype';
import { malformed, QuantscopeError, unsupported } from '../../core/errors';
import { isContiguous, numel } from '../../core/shape';
import { rowMajor, swapBytes } from '../elements';
import type { TensorRecord } from '../types';
import { maxTensorBytes } from './limits';
import { negate } from './negate';
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
  const inOrder = isContiguous(tensor.shape, tensor.strides);
  if (itemBytes < 1 && (!inOrder || tensor.storageOffset !== 0)) {
    throw unsupported('E_PT_PACKED_VIEW', `Views of ${tensor.dtype} cannot be read yet.`, { where });
  }
  const span = inOrder ? bytes : (lastElement(tensor) + 1 - tensor.storageOffset) * itemBytes;
  const raw = await storage.read(Math.floor(tensor.storageOffset * itemBytes), span, into);
  abort.throwIfAborted();
  const contiguous = inOrder ? raw : rowMajor(raw, tensor.shape, tensor.strides, itemBytes);
  const little = (tensor.storage.bigEndian ?? bigEndian) ? swapBytes(contiguous.slice(), tensor.dtype) : contiguous;
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
  if (dtypes[tensor.dtype].bytes < 1 || !isContiguous(tensor.shape, tensor.strides)) return undefined;
  const storageOffset = tensor.storageOffset + start;
  return readTensorBytes(container, { ...tensor, shape: [count], strides: [1], storageOffset }, bigEndian, abort, into);
}

function lastElement({ storageOffset, shape, strides }: TensorRecord): number {
  return shape.reduce((last, size, i) => last + (size - 1) * strides[i], storageOffset);
}
