import type { AbortCheck } from '../../core/abort';
import { chunksOf } from '../../core/byteChunks';
import { type DType, dtypes } from '../../core/dtype';
import { tensorOver, toFloat32 } from '../../engine/tensor/tensor';
import { type NpyArray, planNpz } from '../../formats/npy/write';
import type { Model } from '../openModel';
import type { PlannedExport, Quantized } from './exportModel';
import { type PlainEntry, plainEntries } from './quantizedEntries';

/** Every tensor as a NumPy array under its own name. */
export async function npzFiles(
  model: Model,
  fileName: string,
  quantized: Quantized | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  return [{ name: fileName, plan: planNpz((await plainEntries(model, quantized, abort)).map(numpyArray)) }];
}

/** NumPy has no such types without packages beside it; float32 has each of their values. */
const widened: ReadonlySet<DType> = new Set([
  'bfloat16',
  'float8_e4m3fn',
  'float8_e5m2',
  'float8_e4m3fnuz',
  'float8_e5m2fnuz',
  'float8_e8m0fnu',
]);

export function widensFor(dtype: DType): boolean {
  return widened.has(dtype);
}

/** The entry in a type that NumPy has: bfloat16 and float8 become float32. */
export function numpyArray(entry: PlainEntry): NpyArray {
  return widensFor(entry.dtype) ? { ...entry, dtype: 'float32', data: () => wideChunks(entry) } : entry;
}

async function* wideChunks({ dtype, data }: PlainEntry): AsyncIterable<Uint8Array> {
  for await (const chunk of chunksOf(data())) {
    const { buffer, byteOffset, byteLength } = toFloat32(
      tensorOver(chunk, dtype, [chunk.length / dtypes[dtype].bytes]),
    );
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}
