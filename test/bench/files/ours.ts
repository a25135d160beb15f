// Quantscope as a contender, bundled by run.mjs.
import { neverAborted } from '../../../src/core/abort';
import { openFile } from '../../../src/formats/registry';
import { openFileSource } from '../../../src/worker/fileSource';

/** Opens a model file as its peers do: metadata, tensor table and graph; returns how many tensors it has. */
export async function open(path: string): Promise<number> {
  const source = await openFileSource(path);
  const file = await openFile(source, neverAborted);
  await source.close();
  return file.tensors.length;
}
