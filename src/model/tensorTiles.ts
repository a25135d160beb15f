import type { AbortCheck } from '../core/abort';
import { dtypes } from '../core/dtype';
import { QuantscopeError } from '../core/errors';
import { selectKernels } from '../engine/kernels/dispatch';
import { batchTiles, tileLength } from '../engine/kernels/streamKernels';
import { TileObserver } from '../engine/quantization/weightTiles';
import { tensorOver, toFloat32 } from '../engine/tensor/tensor';
import type { Model, ModelTensor } from './openModel';

/** A tensor's values as float32, in order; can be gone through more than once. */
export interface ValueTiles {
  readonly count: number;
  /**
   * Up to `batchTiles` tiles of the streaming kernels at a time, all but the last so many. A batch stays as it is
   * until the next but one is asked for, so that it may be worked on while the next is read; all of them share two
   * pieces of memory, since fresh memory costs more than reading into it.
   */
  batches(): AsyncIterable<Float32Array>;
  /** The same one by one. */
  tiles(): AsyncIterable<Float32Array>;
  /** Values [start, start + length), in memory of their own. */
  range(start: number, length: number): Promise<Float32Array>;
}

const batchLength = batchTiles * tileLength;

/** Batches between two looks of the thread at its other requests: a few milliseconds of work. */
const batchesPerTurn = 2;

/** Bytes of one read: they stay in the processor's cache until they are used. */
const readBytes = 512 * 1024;

function valueTiles(count: number, range: ValueTiles['range'], batches: ValueTiles['batches']): ValueTiles {
  return {
    count,
    range,
    batches,
    async *tiles() {
      for await (const batch of batches()) {
        for (let at = 0; at < batch.length; at += tileLength) yield batch.subarray(at, at + tileLength);
      }
    },
  };
}

export function inMemory(values: Float32Array): ValueTiles {
  return inWorkspace(values.length, () => values);
}

/** `values` are asked for anew after every wait: the memory of kernels may move. */
export function inWorkspace(count: number, values: () => Float32Array): ValueTiles {
  const range = async (start: number, length: number) => values().slice(start, start + length);
  return valueTiles(count, range, async function* batches() {
    for (let start = 0, batch = 1; start < count; start += batchLength, batch++) {
      yield values().subarray(start, Math.min(start + batchLength, count));
      if (batch % batchesPerTurn === 0) await nextTurn();
    }
  });
}

/**
 * The values of a tensor, read a batch at a time; the system reads ahead. Undefined for a tensor that its
 * format can only read whole. `onBytes` hears how many bytes have been read since the first pass began.
 */
export function streamed(
  model: Model,
  tensor: ModelTensor,
  abort: AbortCheck,
  onBytes: (bytes: number) => void,
): ValueTiles | undefined {
  const { file } = model;
  if (file.readRange === undefined) return undefined;
  const { numel: count, record, dtype } = tensor;
  const { bytes: itemBytes, kind } = dtypes[dtype];
  // Complex numbers and packed codes are more or fewer values than elements.
  if (kind === 'complex' || itemBytes < 1 || dtype === 'float4_e2m1fn_x2') return undefined;
  // A tensor that can only be read whole is read once, for all of its batches.
  let whole: Promise<Uint8Array> | undefined;
  const partOfWhole = async (start: number, length: number): Promise<Uint8Array> => {
    whole ??= file.readTensor(record, abort);
    return (await whole).subarray(start * itemBytes, (start + length) * itemBytes);
  };
  const read = async (start: number, length: number, into: Uint8Array): Promise<Uint8Array> => {
    try {
      const range = whole === undefined ? await file.readRange?.(record, start, length, abort, into) : undefined;
      return range ?? (await partOfWhole(start, length));
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      const { details } = error;
      throw new QuantscopeError({ ...details, where: { file: model.fileName, ...details.where, tensor: tensor.name } });
    }
  };
  let bytes = 0;
  const step = Math.floor(readBytes / itemBytes);
  const capacity = Math.min(Math.ceil(count / 4) * 4, batchLength);
  const range = async (start: number, length: number) =>
    toFloat32(tensorOver(await read(start, length, new Uint8Array(length * itemBytes)), dtype, [length]));
  return valueTiles(count, range, async function* batches() {
    const { streams } = selectKernels();
    const space = streams.workspace(2 * 4 * capacity);
    const raw = dtype === 'float32' ? undefined : streams.workspace(Math.min(step, capacity) * itemBytes);
    const valuesAt = (start: number, length: number) => {
      const { buffer, byteOffset } = space.bytes();
      const slot = Math.floor(start / capacity) % 2;
      return new Float32Array(buffer, byteOffset + 4 * (slot * capacity + (start % capacity)), length);
    };
    try {
      for (let start = 0, batch = 1; start < count; start += capacity, batch++) {
        const end = Math.min(start + capacity, count);
        for (let at = start; at < end; at += step) {
          const length = Math.min(step, end - at);
          const into = raw?.bytes().subarray(0, length * itemBytes) ?? bytesOf(valuesAt(at, length));
          const data = await read(at, length, into);
          const values = valuesAt(at, length);
          const found = toFloat32(tensorOver(data, dtype, [length]), values);
          if (found.buffer !== values.buffer || found.byteOffset !== values.byteOffset) values.set(found);
          bytes += data.length;
        }
        abort.throwIfAborted();
        onBytes(bytes);
        yield valuesAt(start, end - start);
        if (batch % batchesPerTurn === 0) await nextTurn();
      }
    } finally {
      space.release();
      raw?.release();
    }
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The range of every run of `channelLength` values, in one pass. */
export async function observed(source: ValueTiles, channelLength: number): Promise<TileObserver> {
  const observer = new TileObserver(channelLength);
  let start = 0;
  for await (const tile of source.tiles()) {
    observer.add(tile, start);
    start += tile.length;
  }
  return observer;
}

/** Lets the thread answer other requests. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
