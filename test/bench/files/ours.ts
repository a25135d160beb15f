// Quantscope as a contender, bundled by run.mjs.
import { neverAborted } from '../../../src/core/abort';
import { openModel } from '../../../src/model/openModel';
import { openFileSource } from '../../../src/worker/fileSource';

/** Opens a model file down to its module tree; returns how many tensors it has. */
export async function open(path: string): Promise<number> {
  const source = await openFileSource(path);
  const model = await openModel(source, neverAborted);
  await source.close();
  return model.tensors.size;
}
