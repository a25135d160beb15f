import type { AbortCheck } from '../../core/abort';
import { dtypes } from '../../core/dtype';
import type { Model, ModelTensor } from '../openModel';

/** Bytes that are read and handed on at once. */
const chunkBytes = 8 * 1024 * 1024;

/** A tensor's own bytes, as the file has them: contiguous, row-major, little-endian; large ones in pieces. */
export async function* tensorChunks(
  model: Model,
  { record, bytes, numel, dtype }: ModelTensor,
  abort: AbortCheck,
): AsyncIterable<Uint8Array> {
  const { file } = model;
  const itemBytes = dtypes[dtype].bytes;
  if (file.readRange === undefined || bytes <= chunkBytes || itemBytes < 1) {
    yield await file.readTensor(record, abort);
    return;
  }
  const step = chunkBytes / itemBytes;
  for (let start = 0; start < numel; start += step) {
    const piece = await file.readRange(record, start, Math.min(step, numel - start), abort);
    if (piece === undefined) {
      // Only a whole read gives a view that is strided, or a compressed record; the first piece tells.
      yield await file.readTensor(record, abort);
      return;
    }
    yield piece;
  }
}
