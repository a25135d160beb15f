import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { byteLength } from '../core/dtype';
import { invalid } from '../core/errors';
import { numel } from '../core/shape';
import { openFile } from '../formats/registry';
import { salvageFile } from '../formats/salvage';
import type { ModelFile, TensorRecord } from '../formats/types';
import { buildModuleTree, type ModuleNode, modulePath, type TensorEntry, walk } from './moduleTree';
import { qschemeOf } from './quantizedTensor';
import { tiedTensors } from './tiedTensors';

/** A tensor of the file, unread. */
export interface ModelTensor extends TensorEntry {
  readonly record: TensorRecord;
}

/** An open file: its records joined with the module tree that their names and shapes tell. */
export interface Model {
  readonly file: ModelFile;
  readonly fileName: string;
  /** The file's name without folder and last extension: what print(model) calls the root. */
  readonly stem: string;
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  /** The whole file as a tree. */
  readonly tree: ModuleNode<ModelTensor>;
  /** The part of the tree that is the model: the root, or the state dict inside a checkpoint. */
  readonly root: ModuleNode<ModelTensor>;
  readonly modules: ReadonlyMap<string, ModuleNode<ModelTensor>>;
}

/** Opens a model file of any known format; reads its header, not its tensors. */
export async function openModel(source: ByteSource, abort: AbortCheck): Promise<Model> {
  return modelOf(await openFile(source, abort), source.name);
}

/** What can be read of a file that `openModel` refuses. */
export async function salvageModel(source: ByteSource, abort: AbortCheck): Promise<Model> {
  return modelOf(await salvageFile(source, abort), source.name);
}

/** An open file's records joined with its module tree. */
export function modelOf(file: ModelFile, fileName: string): Model {
  // `model.safetensors.index.json` is the model.
  const stem = fileName.replace(/(\.\w+\.index)?\.[^.]*$/, '') || fileName;
  const tensors = new Map<string, ModelTensor>();
  const tied = tiedTensors(file);
  for (const { name, tensor, module } of file.tensors) {
    const count = numel(tensor.shape);
    const bytes = tensor.encoding?.bytes ?? byteLength(tensor.dtype, count);
    const { shape, dtype } = tensor;
    const encoding = tensor.encoding?.name;
    tensors.set(name, {
      name,
      shape,
      dtype,
      numel: count,
      bytes,
      record: tensor,
      encoding,
      module,
      qscheme: qschemeOf(tensor),
      tiedTo: tied.get(name),
    });
  }
  const tree = buildModuleTree([...tensors.values()], stem, {
    types: file.moduleTypes,
    records: file.modules ?? new Map(),
    torch: file.torchStyle ?? '2',
  });
  const modules = new Map<string, ModuleNode<ModelTensor>>();
  for (const node of walk(tree)) modules.set(node.path, node);
  return { file, fileName, stem, tensors, tree, root: modelRoot(tree), modules };
}

const stateDictKeys = /^(state_dict|model_state_dict|model_state|model|module|net|network|ema|params|weights)$/i;

/** A training checkpoint keeps the model under one key beside its optimizer; that key's subtree is the model. */
function modelRoot(tree: ModuleNode<ModelTensor>): ModuleNode<ModelTensor> {
  const candidates = tree.children.filter((child) => !child.optimizer && child.tensorCount > 0);
  const [only] = candidates;
  const nested =
    tree.tensors.length === 0 && candidates.length === 1 && only.kind === undefined && stateDictKeys.test(only.name);
  return nested ? only : tree;
}

export function findTensor(model: Model, name: string): ModelTensor {
  const tensor = model.tensors.get(name);
  if (tensor === undefined) {
    throw invalid('E_NO_TENSOR', `The file has no tensor named ${JSON.stringify(name)}.`, { where: { tensor: name } });
  }
  return tensor;
}

export function findModule(model: Model, path: string): ModuleNode<ModelTensor> {
  const node = model.modules.get(path);
  if (node === undefined) throw invalid('E_NO_MODULE', `The file has no module named ${JSON.stringify(path)}.`);
  return node;
}

/** The module that a tensor belongs to; undefined for a name that the file does not have. */
export function ownerOf({ tensors, modules }: Model, name: string): ModuleNode<ModelTensor> | undefined {
  const tensor = tensors.get(name);
  return tensor && modules.get(modulePath(tensor));
}
