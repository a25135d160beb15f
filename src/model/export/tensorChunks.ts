import type { AbortCheck } from '../../core/abort';
import { dtypes } from '../../core/dtype';
import { numel as shapeNumel } from '../../core/shape';
import type { TensorRecord } from '../../formats/types';
import type { Model, ModelTensor } from '../openModel';

/** Bytes that are read and handed on at once: they stay in the processor's cache until they are written. */
const chunkBytes = 256 * 1024;

/** One piece being read, one waiting, one being written, and one to spare. */
const piecesAtOnce = 4;

/**
 * A tensor's own bytes, as the file has them: contiguous, row-major, little-endian; large ones in pieces.
 * A piece is valid until three more have been asked for: memory that is used again is faster than fresh one.
 */
export function tensorChunks(model: Model, { record }: ModelTensor, abort: AbortCheck): AsyncIterable<Uint8Array> {
  return storageChunks(model, record, abort);
}

/** The same for a record that stands for a region of the file and has no name there. */
export async function* storageChunks(
  { file }: Model,
  record: TensorRecord,
  abort: AbortCheck,
): AsyncIterable<Uint8Array> {
  const itemBytes = dtypes[record.dtype].bytes;
  const numel = shapeNumel(record.shape);
  const bytes = numel * itemBytes;
  if (file.readRange === undefined || bytes <= chunkBytes || itemBytes < 1) {
    yield await file.readTensor(record, abort);
    return;
  }
  const step = chunkBytes / itemBytes;
  const ring: Uint8Array[] = [];
  for (let start = 0, turn = 0; start < numel; start += step, turn++) {
    ring[turn % piecesAtOnce] ??= new Uint8Array(chunkBytes);
    const into = ring[turn % piecesAtOnce];
    const piece = await file.readRange(record, start, Math.min(step, numel - start), abort, into);
    if (piece === undefined) {
      // Only a whole read gives a view that is strided, or a compressed record; the first piece tells.
      yield await file.readTensor(record, abort);
      return;
    }
    yield piece;
  }
}
