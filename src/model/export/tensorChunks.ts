import type { AbortCheck } from '../../core/abort';
import type { ByteChunks } from '../../core/byteChunks';
import type { Model, ModelTensor } from '../openModel';

/** A tensor's own bytes, as the file has them: contiguous, row-major, little-endian. */
export function tensorChunks(model: Model, { record }: ModelTensor, abort: AbortCheck): ByteChunks {
  return model.file.readTensor(record, abort);
}
