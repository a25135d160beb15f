import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import { stateEntries } from '../engine/forward/source/moduleClass';
import { castInto } from '../engine/forward/values/elements';
import type { StridedTensor } from '../engine/forward/values/stridedTensor';
import type { PyObject } from '../engine/forward/values/values';
import { tensorFromBytes, toFloat32 } from '../engine/tensor/tensor';
import { walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';

/** Prefixes that wrappers add to every name: DataParallel, torch.compile, Lightning. */
const wrappers = ['module.', '_orig_mod.', 'model.'];

/** The model's tensors by the names that its own state dict has. */
export function stateTensors(model: Model): Map<string, ModelTensor> {
  const { root } = model;
  const prefix = root.path === '' ? '' : `${root.path}.`;
  const found = new Map<string, ModelTensor>();
  for (const node of walk(root)) {
    if (node.optimizer) continue;
    for (const tensor of node.tensors) found.set(tensor.name.slice(prefix.length), tensor);
  }
  return found;
}

/**
 * What a class keeps of the path that all names of a file share: the tree starts below `model` where every name
 * does, and the class may have a child of that name around everything.
 */
export function sharedPath(model: Model, own: Iterable<string>): string {
  const parts = model.root.path === '' ? [] : model.root.path.split('.');
  const names = [...own];
  for (let i = 0; i < parts.length; i++) {
    const kept = `${parts.slice(i).join('.')}.`;
    if (names.length > 0 && names.every((name) => name.startsWith(kept))) return kept;
  }
  return '';
}

/**
 * load_state_dict(strict=True): every name on both sides, every size; what differs is listed in
 * PyTorch's words. Returns the prefix that was taken off the file's names. `partly` lets the file
 * have more than the module.
 */
export async function loadState(
  model: Model,
  root: PyObject,
  abort: AbortCheck,
  { partly = false }: { readonly partly?: boolean } = {},
): Promise<string> {
  const own = stateEntries(root);
  const shared = sharedPath(model, own.keys());
  const named = new Map([...stateTensors(model)].map(([name, tensor]) => [shared + name, tensor]));
  const { tensors: all, prefix } = withoutWrapper(named, own);
  const tensors = partly ? new Map([...all].filter(([name]) => own.has(name))) : all;
  const problems = compareStates(tensors, own);
  if (problems.length > 0) {
    throw invalid('E_STATE_DICT', `Error(s) in loading state_dict for ${root.type.name}: ${problems.join(' ')}`, {
      hint: 'Check that this is the class, and that __init__ gets the arguments, that the checkpoint was saved with.',
    });
  }
  for (const [name, tensor] of tensors) await fill(model, tensor, own.get(name) as StridedTensor, abort);
  return prefix;
}

function withoutWrapper(tensors: ReadonlyMap<string, ModelTensor>, own: ReadonlyMap<string, StridedTensor>) {
  for (const prefix of wrappers) {
    const names = [...tensors.keys()];
    const wrapped = names.length > 0 && names.every((name) => name.startsWith(prefix));
    if (!wrapped || [...own.keys()].some((name) => name.startsWith(prefix))) continue;
    return { tensors: new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor])), prefix };
  }
  return { tensors, prefix: '' };
}

/** Names that an error lists. */
const maxListed = 30;

function compareStates(tensors: ReadonlyMap<string, ModelTensor>, own: ReadonlyMap<string, StridedTensor>): string[] {
  const missing = [...own.keys()].filter((name) => !tensors.has(name) && !name.endsWith('num_batches_tracked'));
  const unexpected = [...tensors.keys()].filter((name) => !own.has(name));
  const list = (names: readonly string[]) => {
    const more = names.length > maxListed ? `, and ${names.length - maxListed} more` : '';
    return `${names
      .slice(0, maxListed)
      .map((name) => JSON.stringify(name))
      .join(', ')}${more}`;
  };
  const problems: string[] = [];
  if (missing.length > 0) problems.push(`Missing key(s) in state_dict: ${list(missing)}.`);
  if (unexpected.length > 0) problems.push(`Unexpected key(s) in state_dict: ${list(unexpected)}.`);
  for (const [name, tensor] of tensors) {
    const target = own.get(name);
    if (target === undefined || target.shape.join() === tensor.shape.join() || problems.length > maxListed) continue;
    problems.push(
      `size mismatch for ${name}: copying a param with shape torch.Size([${tensor.shape.join(', ')}]) from checkpoint, the shape in current model is torch.Size([${target.shape.join(', ')}]).`,
    );
  }
  return problems;
}

async function fill(model: Model, tensor: ModelTensor, target: StridedTensor, abort: AbortCheck): Promise<void> {
  const bytes = await model.file.readTensor(tensor.record, abort);
  const read = tensorFromBytes(bytes, tensor.dtype, tensor.shape);
  const { storage, offset, count } = target;
  const values =
    tensor.dtype === 'float16' || tensor.dtype === 'bfloat16'
      ? toFloat32(read)
      : read.data instanceof BigInt64Array || read.data instanceof BigUint64Array
        ? Float64Array.from(read.data as BigInt64Array, Number)
        : (read.data as Float32Array);
  castInto(storage.type, values, storage.data.subarray(offset, offset + count));
}
