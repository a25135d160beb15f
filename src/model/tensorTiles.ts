import type { AbortCheck } from '../core/abort';
import { dtypes } from '../core/dtype';
import { QuantscopeError } from '../core/errors';
import { selectKernels } from '../engine/kernels/dispatch';
import { referenceKernels } from '../engine/kernels/reference/referenceKernels';
import { tileLength } from '../engine/kernels/streamKernels';
import { TileObserver } from '../engine/quantization/weightTiles';
import { tensorOver, toFloat32 } from '../engine/tensor/tensor';
import type { Model, ModelTensor } from './openModel';

/**
 * A tensor's values as float32, in tiles of the streaming kernels and in order; can be gone through more
 * than once. A tile is valid until the next one is asked for: all of them share one piece of memory, since
 * fresh memory costs more than reading into it.
 */
export interface ValueTiles {
  readonly count: number;
  tiles(): AsyncIterable<Float32Array>;
}

/** Tiles between two looks of the thread at its other requests: a few milliseconds of work. */
const tilesPerTurn = 16;

export function inMemory(values: Float32Array): ValueTiles {
  return {
    count: values.length,
    async *tiles() {
      for (let start = 0; start < values.length; start += tileLength) {
        if (start % (tilesPerTurn * tileLength) === 0 && start > 0) await nextTurn();
        yield values.subarray(start, start + tileLength);
      }
    },
  };
}

/**
 * The values of a tensor, read a tile at a time; the system reads ahead. Undefined for a tensor that its
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
  // A tensor that can only be read whole is read once, for all of its tiles.
  let whole: Promise<Uint8Array> | undefined;
  const partOfWhole = async (start: number, length: number): Promise<Uint8Array> => {
    whole ??= file.readTensor(record, abort);
    return (await whole).subarray(start * itemBytes, (start + length) * itemBytes);
  };
  const read = async (start: number, into: Uint8Array): Promise<Uint8Array> => {
    const length = Math.min(tileLength, count - start);
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
  return {
    count,
    async *tiles() {
      // Only float32 is used where it is read to.
      const { streams } = dtype === 'float32' ? selectKernels() : referenceKernels;
      const workspace = streams.workspace(tileLength * itemBytes);
      try {
        for (let start = 0, turn = 1; start < count; start += tileLength, turn++) {
          const raw = await read(start, workspace.bytes());
          abort.throwIfAborted();
          bytes += raw.length;
          onBytes(bytes);
          yield toFloat32(tensorOver(raw, dtype, [raw.length / itemBytes]));
          if (turn % tilesPerTurn === 0) await nextTurn();
        }
      } finally {
        workspace.release();
      }
    },
  };
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
