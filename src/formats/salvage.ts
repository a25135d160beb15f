import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { type ErrorDetails, QuantscopeError } from '../core/errors';
import { openFile } from './registry';
import { openSafetensors } from './safetensors/read';
import { openTorchZip } from './torch/read';
import type { ModelFile } from './types';

/** How the sound part of a refused file is reached, by the code of what is wrong with it. */
const ways: readonly {
  readonly code: RegExp;
  open(source: ByteSource, abort: AbortCheck, why: ErrorDetails): Promise<ModelFile>;
}[] = [
  {
    code: /^E_(ZIP|PT_VERSION|PT_BYTEORDER)/,
    open: (source, abort, { code, where }) =>
      openTorchZip(source, abort, code === 'E_ZIP_PREFIX' ? (where?.offset ?? 0) : 0),
  },
  { code: /^E_ST_(JSON|HEADER_SIZE)/, open: (source, abort) => openSafetensors(source, abort, true) },
];

/**
 * What can be read of a file that `openFile` refuses: records found one by one where an archive's
 * directory cannot be believed, tensors named before a header breaks off. What is wrong is the
 * first warning, with the number of tensors whose values can be read, and of all. Throws what `openFile` does where nothing can be read.
 */
export async function salvageFile(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  try {
    return await openFile(source, abort);
  } catch (error) {
    if (!(error instanceof QuantscopeError)) throw error;
    const way = ways.find(({ code }) => code.test(error.code));
    const file = await way?.open(source, abort, error.details).catch(onlyAbort);
    if (file === undefined || file.tensors.length === 0) throw error;
    const message = `${error.message} What is shown is what can be read all the same.`;
    const whole = file.tensors.filter(({ tensor }) => tensor.problem === undefined).length;
    const values = [whole, file.tensors.length];
    return { ...file, warnings: [{ code: error.code, message, values }, ...file.warnings] };
  }
}

/** A second failure says nothing that the first did not. */
function onlyAbort(error: unknown): undefined {
  if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
}
