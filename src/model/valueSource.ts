import type { AbortCheck } from '../core/abort';
import { readValues } from './loadModule';
import type { Model, ModelTensor } from './openModel';
import { inMemory, streamed, type ValueTiles } from './tensorTiles';

/** The values that a tensor stands for: from the file where they are in it, else read and worked out whole. */
export async function valueSource(
  model: Model,
  tensor: ModelTensor,
  abort: AbortCheck,
  onBytes: (bytes: number) => void = () => {},
): Promise<ValueTiles> {
  const isStored = tensor.record.quantization !== undefined;
  const source = isStored ? undefined : streamed(model, tensor, abort, onBytes);
  return source ?? inMemory(await readValues(model, tensor, abort));
}
