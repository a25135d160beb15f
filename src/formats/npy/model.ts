import type { AbortCheck } from '../../core/abort';
import { QuantscopeError, unsupported } from '../../core/errors';
import { quotedName } from '../../core/text';
import { readPickle } from '../pickle/read';
import { displayName, judgeGlobals, overallVerdict } from '../pickle/safety';
import type { GlobalUse, ModelFile, NamedTensor, TensorRecord, Warning } from '../types';
import { cappedWarnings } from '../warnings';
import { type NpyArray, type readArray, tensorOf } from './array';
import { maxPickleBytes } from './limits';

type Opaque = ModelFile['opaque'][number];

/** The file that some arrays make; an array of Python objects is told, judged, and not built. */
export async function assemble(
  about: Pick<ModelFile, 'format' | 'label' | 'bytes'>,
  arrays: readonly NpyArray[],
  others: readonly Opaque[],
  before: readonly Warning[],
  abort: AbortCheck,
  read: typeof readArray,
): Promise<ModelFile> {
  const warnings: Warning[] = [...before];
  const opaque: Opaque[] = [...others];
  const globals: GlobalUse[] = [];
  const tensors: NamedTensor[] = [];
  const owners = new Map<TensorRecord, NpyArray>();
  let judgedAll = true;
  for (const array of arrays) {
    abort.throwIfAborted();
    if (array.header.element.isObject) {
      const judged = await judgeObjects(array, abort);
      judgedAll &&= judged.complete;
      globals.push(...judged.globals);
      warnings.push(...judged.warnings);
      opaque.push({ path: array.name, name: 'an array of Python objects' });
      continue;
    }
    const { tensor, warnings: own } = tensorOf(array);
    tensors.push(tensor);
    warnings.push(...own);
    owners.set(tensor.tensor, array);
  }
  const verdict = overallVerdict(globals);
  return {
    ...about,
    tensors,
    metadata: {},
    moduleVersions: new Map(),
    moduleTypes: new Map(),
    warnings: cappedWarnings(warnings),
    safety: { verdict: verdict === 'safe' && !judgedAll ? 'unknown' : verdict, globals },
    opaque,
    async readTensor(tensor, check) {
      const owner = owners.get(tensor);
      if (owner === undefined) throw unsupported('E_NPY_DTYPE', 'The tensor belongs to no array of this file.');
      return read(owner, tensor, check);
    },
  };
}

/** The pickle behind an object array, judged by the names that it would import. */
async function judgeObjects(array: NpyArray, abort: AbortCheck) {
  const { name, entry, header, size } = array;
  const warnings: Warning[] = [
    {
      code: 'E_NPY_OBJECT',
      message: `${quotedName(name)} is an array of Python objects, stored as a pickle; Quantscope does not build them.`,
    },
  ];
  try {
    const length = size - header.dataStart;
    if (length > maxPickleBytes) throw unsupported('E_NPY_LIMIT', `It has ${length} bytes.`);
    const { globals: uses } = readPickle(await array.read(length), entry || name, abort);
    const globals = judgeGlobals(uses, new Set());
    for (const { module, name: global, verdict } of globals) {
      if (verdict !== 'dangerous') continue;
      warnings.push({
        code: 'E_PICKLE_DANGEROUS',
        message: `${quotedName(name)} asks Python to run ${displayName(module, global)}. Quantscope did not run it. numpy.load with allow_pickle=True would.`,
      });
    }
    return { warnings, globals, complete: true };
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted' || error.details.kind === 'io') {
      throw error;
    }
    warnings.push({
      code: 'E_PICKLE_UNJUDGED',
      message: `The pickle in ${quotedName(name)} cannot be judged: ${error.message}`,
    });
    return { warnings, globals: [], complete: false };
  }
}
