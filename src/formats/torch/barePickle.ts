import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { unsupported } from '../../core/errors';
import { readPickle } from '../pickle/read';
import type { ModelFile } from '../types';
import { assemble } from './assemble';
import { collect } from './collect';
import { judgeBehind, judgePickle } from './judge';
import { maxBarePickleBytes } from './limits';
import { readTensorBytes } from './readTensor';

/** A pickle by itself, as pickle.dump and joblib write tensors and arrays: their bytes stand in the pickle. */
export async function openBarePickle(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  if (source.size > maxBarePickleBytes) {
    throw unsupported(
      'E_PICKLE_TOO_BIG',
      `The pickle has ${source.size} bytes; ${maxBarePickleBytes} are read at once.`,
      {
        hint: 'Load it in Python and save its state dict with torch.save.',
      },
    );
  }
  const bytes = await source.read(0, source.size);
  const result = readPickle(bytes, undefined, abort);
  const found = collect(result.root, { entry: undefined, storageEntry: () => undefined });
  return assemble(
    {
      format: 'pickle',
      label: 'Python pickle',
      bytes: source.size,
      torchStyle: '1.13',
      found,
      judged: [judgePickle(undefined, result), ...judgeBehind(bytes, result.length, undefined, abort)],
      warnings: result.warnings,
      readTensor: (tensor, check) => readTensorBytes(undefined, tensor, false, check),
    },
    abort,
  );
}
