import type { AbortCheck } from '../core/abort';
import { dtypes } from '../core/dtype';
import { QuantscopeError } from '../core/errors';
import { tensorOver, toFloat32 } from '../engine/tensor/tensor';
import type { Model, ModelTensor } from './openModel';

/** A tensor's values as float32, in tiles and in order; can be gone through more than once. */
export interface ValueTiles {
  readonly count: number;
  tiles(): AsyncIterable<Float32Array>;
}

/** Smaller tensors are read once and kept; larger ones are read in tiles as often as they are needed. */
const maxHeldBytes = 64 * 1024 * 1024;

/** Elements of a tile: at most 8 MB, read in a few milliseconds. */
const tileElements = 1_048_576;

export function inMemory(values: Float32Array): ValueTiles {
  return {
    count: values.length,
    async *tiles() {
      yield values;
    },
  };
}

/**
 * The values of a large tensor, a tile at a time, the next one being read while one is looked at.
 * Undefined for a tensor that is small, or that its format can only read whole. `onBytes` hears how
 * many bytes have been read since the first pass began; up to `heldBytes` a tensor is small.
 */
export function streamed(
  model: Model,
  tensor: ModelTensor,
  abort: AbortCheck,
  onBytes: (bytes: number) => void,
  heldBytes = maxHeldBytes,
): ValueTiles | undefined {
  const { file } = model;
  if (file.readRange === undefined || tensor.bytes <= heldBytes) return undefined;
  const { numel: count, record, dtype } = tensor;
  // Complex numbers and packed codes are more or fewer values than elements.
  if (dtypes[dtype].kind === 'complex' || dtypes[dtype].bytes < 1 || dtype === 'float4_e2m1fn_x2') return undefined;
  let bytes = 0;
  const read = async (start: number): Promise<Uint8Array> => {
    const length = Math.min(tileElements, count - start);
    try {
      const range = await file.readRange?.(record, start, length, abort);
      if (range !== undefined) return range;
      return await partOfWhole(start, length);
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      const { details } = error;
      throw new QuantscopeError({ ...details, where: { file: model.fileName, ...details.where, tensor: tensor.name } });
    }
  };
  // A tensor that can only be read whole is read once, for all of its tiles.
  let whole: Promise<Uint8Array> | undefined;
  const partOfWhole = async (start: number, length: number): Promise<Uint8Array> => {
    whole ??= file.readTensor(record, abort);
    const { bytes: size } = dtypes[dtype];
    return (await whole).subarray(start * size, (start + length) * size);
  };
  return {
    count,
    async *tiles() {
      let next = read(0);
      for (let start = 0; start < count; start += tileElements) {
        const raw = await next;
        const after = start + tileElements;
        if (after < count) {
          next = read(after);
          // Whoever stops here must not leave a rejection that nobody hears.
          next.catch(() => {});
        }
        abort.throwIfAborted();
        bytes += raw.length;
        onBytes(bytes);
        yield toFloat32(tensorOver(raw, dtype, [raw.length / dtypes[dtype].bytes]));
      }
    },
  };
}
