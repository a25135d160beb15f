import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import type { DType } from '../../src/core/dtype';
import { numel } from '../../src/core/shape';
import { planTorchFile, type StateDict } from '../../src/formats/torch/write';
import type { TensorEntry } from '../../src/model/moduleTree';
import { type Model, openModel } from '../../src/model/openModel';
import { concat } from './zipBuilder';

export type Shapes = Readonly<Record<string, readonly number[]>>;

/** float32 entries with these names and shapes, for trees without a file. */
export function entries(shapes: Shapes, dtype: DType = 'float32'): TensorEntry[] {
  return Object.entries(shapes).map(([name, shape]) => {
    const count = numel(shape);
    return { name, shape, dtype, numel: count, bytes: count * 4 };
  });
}

/** A model of float32 tensors with given values, written and opened as the product does. */
export async function modelOf(
  tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: ArrayLike<number> }>>,
  fileName = 'model.pt',
): Promise<Model> {
  const state: StateDict = {
    items: Object.entries(tensors).map(([name, { shape, values }]) => {
      const bytes = new Uint8Array(Float32Array.from(values).buffer);
      return { kind: 'tensor', name, tensor: { dtype: 'float32', shape, data: async () => bytes } };
    }),
    versions: [],
  };
  const parts: Uint8Array[] = [];
  const file = planTorchFile(state, { archiveName: 'model', style: '2', engine: 'fbgemm' });
  for await (const chunk of file.chunks()) parts.push(chunk);
  return openModel(bytesSource(concat(...parts), fileName), neverAborted);
}
