import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { unsupported } from '../../core/errors';
import { readPickle } from '../pickle/read';
import { PickleCall, PickleDict, PickleList, PickleTuple, type PickleValue } from '../pickle/types';
import type { ScriptObjects, ScriptProgram } from '../types';
import { readEntry } from '../zip/read';
import type { ZipEntry } from '../zip/types';
import { rebuildTensor } from './rebuild';

/** Bytes of one source of an archive: a module of transformers has 60,000. */
const maxSourceBytes = 1_000_000;
/** Shapes and strides of a forward's arguments, without their values. */
const maxTracedBytes = 1_000_000;
const maxConstantsBytes = 64 * 1024 * 1024;

/** What running a TorchScript archive needs besides its tensors: the objects, the constants, the code as text. */
export function scriptProgram(
  source: ByteSource,
  objects: PickleValue,
  pickle: string,
  prefix: string,
  find: (name: string) => ZipEntry | undefined,
): ScriptProgram {
  const records = (root: PickleValue, entry: string, folder: string): ScriptObjects => {
    const context = { entry, storageEntry: (key: string) => find(`${prefix}${folder}/${key}`) };
    return { root, tensor: (value) => rebuildTensor(value, context) };
  };
  return {
    objects: records(objects, pickle, 'data'),
    async constants(abort: AbortCheck) {
      const entry = find(`${prefix}constants.pkl`);
      if (entry === undefined) return records(new PickleTuple([]), 'constants.pkl', 'constants');
      const { root } = readPickle(await readEntry(source, entry, maxConstantsBytes), entry.name, abort);
      return records(root, entry.name, 'constants');
    },
    async tracedInputs(abort) {
      const entry = find(`${prefix}traced_inputs.pkl`);
      if (entry === undefined || entry.size > maxTracedBytes) return [];
      const { root } = readPickle(await readEntry(source, entry, maxTracedBytes), entry.name, abort);
      const { tensor } = records(root, entry.name, 'traced_inputs');
      return forwardArguments(root).map((value) =>
        (value instanceof PickleTuple ? value.items : [value]).flatMap((item) => tensor(item) ?? []),
      );
    },
    async source(path) {
      const entry = find(`${prefix}code/${path}`);
      if (entry === undefined) return undefined;
      if (entry.size > maxSourceBytes) {
        throw unsupported('E_PY_LIMIT', 'The source is too long.', {
          where: { entry: entry.name },
          found: `${entry.size} bytes`,
          expected: `at most ${maxSourceBytes}`,
        });
      }
      return new TextDecoder().decode(await readEntry(source, entry, maxSourceBytes));
    },
  };
}

/** The list under "forward" of `restore_type_tag({"forward": restore_type_tag([…], "List[Any]")}, "Dict[…]")`. */
function forwardArguments(root: PickleValue): readonly PickleValue[] {
  const untagged = (value: PickleValue | undefined): PickleValue | undefined =>
    value instanceof PickleCall && value.args instanceof PickleTuple ? value.args.items[0] : value;
  const methods = untagged(root);
  if (!(methods instanceof PickleDict)) return [];
  const list = untagged(methods.entries.find(([name]) => name === 'forward')?.[1]);
  return list instanceof PickleList ? list.items : [];
}
