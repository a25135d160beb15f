import type { DType } from '../core/dtype';
import type { ModuleRecord } from '../formats/types';
import { type ModuleKind, moduleKind } from './moduleKind';
import { moduleRepr } from './moduleRepr';
import { isFusedRecord, isQuantizedRecord, recordRepr } from './recordRepr';

/** What the tree needs to know of a tensor. */
export interface TensorEntry {
  /** Full dotted name. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: number;
  readonly numel: number;
  /** PyTorch's name of the scheme, when the file holds it quantized. */
  readonly qscheme?: string;
  /** How the file stores it, where that is no dtype: `Q4_K`. */
  readonly encoding?: string;
  /** Dotted path of its module, where its name does not tell. */
  readonly module?: string;
  /** Name of the tensor, there or not, that has the same bytes. */
  readonly tiedTo?: string;
}

/** What a file itself says of its modules, by path; empty for a plain state dict. */
export interface GivenModules {
  readonly types: ReadonlyMap<string, string>;
  readonly records: ReadonlyMap<string, ModuleRecord>;
  /** Which PyTorch's spelling print(model) follows. */
  readonly torch: '1.13' | '2';
}

const nothingGiven: GivenModules = { types: new Map(), records: new Map(), torch: '2' };

/** One prefix of the dotted names: a module, a container, or a dict of the checkpoint. */
export interface ModuleNode<T extends TensorEntry = TensorEntry> {
  /** Last part of the path; the file's stem for the root. */
  readonly name: string;
  readonly path: string;
  readonly kind: ModuleKind | undefined;
  /** Class name for people; empty where nothing tells it. */
  readonly type: string;
  /** One line, without children. */
  readonly repr: string;
  /** Class and attributes, where the file holds the module itself. */
  readonly record: ModuleRecord | undefined;
  /** A ModuleList of PyTorch 2, which prints equal neighbours once: `(0-2): 3 x Linear(…)`. */
  readonly joinsEqual: boolean;
  readonly children: readonly ModuleNode<T>[];
  readonly tensors: readonly T[];
  /** With everything below. */
  readonly bytes: number;
  readonly parameters: number;
  readonly tensorCount: number;
  /** An optimizer's state: shown, but not part of the model. */
  readonly optimizer: boolean;
}

interface Building<T extends TensorEntry> {
  readonly name: string;
  readonly path: string;
  /** Undefined for the many modules that have none. */
  children: Building<T>[] | undefined;
  readonly tensors: T[];
  /** The finished node. */
  node: ModuleNode<T> | undefined;
}

/** How deep dotted names become modules; what is deeper stays in the last module's tensor names. */
const maxDepth = 1000;

/** The module tree of dotted tensor names, in the order of the file. */
export function buildModuleTree<T extends TensorEntry>(
  tensors: readonly T[],
  rootName: string,
  given: GivenModules = nothingGiven,
): ModuleNode<T> {
  const places = new Places<T>(rootName);
  for (const path of given.types.keys()) if (path !== '' && !isQuantizedState(path, given)) places.at(path);
  for (const tensor of tensors) {
    places.at(modulePath(tensor)).tensors.push(tensor);
  }
  return finish(places.root, given, firstWeight(tensors));
}

/** Path of the module that a tensor belongs to, as its name or its file tells; the deepest are cut off. */
export function modulePath({ name, module }: Pick<TensorEntry, 'name' | 'module'>): string {
  const path = module ?? name.slice(0, Math.max(0, name.lastIndexOf('.')));
  // A level takes two characters, or one where names are empty.
  if (path.length < maxDepth) return path;
  return path.split('.').slice(0, maxDepth).join('.');
}

/** In a state dict only quantized modules name themselves; their tensors give them their place. */
function isQuantizedState(path: string, { types, records }: GivenModules): boolean {
  const record = records.get(path);
  return !types.has('') && record !== undefined && isQuantizedRecord(record);
}

/** What a tensor is stored as, for people: `Q4_K`, `float32`. */
export function storedAs({ encoding, dtype }: Pick<TensorEntry, 'encoding' | 'dtype'>): string {
  return encoding ?? dtype;
}

const dot = 0x2e;

/** A tensor's name inside its module: what follows the module's path, or all of it where it does not start so. */
export function ownName(name: string, path: string): string {
  const inside = path !== '' && name.charCodeAt(path.length) === dot && name.startsWith(path);
  return inside ? name.slice(path.length + 1) : name;
}

/** Modules under construction by path; neighbours in a file mostly share theirs, so the last one is asked first. */
class Places<T extends TensorEntry> {
  readonly root: Building<T>;
  private readonly byPath = new Map<string, Building<T>>();
  private last: Building<T>;

  constructor(rootName: string) {
    this.root = { name: rootName, path: '', children: undefined, tensors: [], node: undefined };
    this.byPath.set('', this.root);
    this.last = this.root;
  }

  /** The module of a path, with those above it. */
  at(path: string): Building<T> {
    if (this.last.path !== path) this.last = this.byPath.get(path) ?? this.add(path);
    return this.last;
  }

  private add(path: string): Building<T> {
    let node = this.root;
    let depth = 0;
    for (let start = 0; start <= path.length && depth < maxDepth; depth++) {
      const next = path.indexOf('.', start);
      const end = next < 0 ? path.length : next;
      const prefix = path.slice(0, end);
      let child = this.byPath.get(prefix);
      if (child === undefined) {
        child = { name: path.slice(start, end), path: prefix, children: undefined, tensors: [], node: undefined };
        this.byPath.set(prefix, child);
        node.children ??= [];
        node.children.push(child);
      }
      node = child;
      start = end + 1;
    }
    return node;
  }
}

/** The name of the first matrix of the model, which is an embedding more often than not. */
function firstWeight(tensors: readonly TensorEntry[]): string {
  return tensors.find(({ name, shape }) => shape.length >= 2 && !isOptimizerPath(name))?.name ?? '';
}

/** Among the first two parts of a path. */
const optimizerKey = /^([^.]*\.)?(optimizers?|optim|optimizer_states?|optimizer_state_dicts?|opt_state)(\.|$)/i;

function isOptimizerPath(path: string): boolean {
  return optimizerKey.test(path);
}

/** Children before parents, without recursion: names may nest as deep as a file likes. */
function finish<T extends TensorEntry>(root: Building<T>, given: GivenModules, first: string): ModuleNode<T> {
  const order: Building<T>[] = [root];
  for (let i = 0; i < order.length; i++) {
    const { children } = order[i];
    if (children !== undefined) for (const child of children) order.push(child);
  }
  for (let i = order.length - 1; i >= 0; i--) {
    const building = order[i];
    const children = building.children?.map((child) => child.node as ModuleNode<T>) ?? none;
    building.node = finishNode(building, children, given, first);
  }
  return root.node as ModuleNode<T>;
}

const none: readonly never[] = [];

function finishNode<T extends TensorEntry>(
  { name, path, tensors }: Building<T>,
  children: readonly ModuleNode<T>[],
  given: GivenModules,
  first: string,
): ModuleNode<T> {
  const optimizer = path !== '' && isOptimizerPath(path);
  const record = given.records.get(path);
  const givenType = given.types.get(path);
  // Modules that are quantized already are no longer what their shapes look like.
  const known = !optimizer && !(record !== undefined && isQuantizedRecord(record));
  const fused = path !== '' && record !== undefined && isFusedRecord(record);
  const own = known ? kindOf(path, name, tensors, givenType, first) : undefined;
  const kind = fused ? fusedKind(givenType, children) : own;
  const type = kind?.type ?? givenType ?? containerType(path, children, tensors);
  const written = record && recordRepr(record, type, reprContext(path, tensors, given));
  let bytes = 0;
  let parameters = 0;
  let tensorCount = tensors.length;
  for (const tensor of tensors) {
    bytes += tensor.bytes;
    parameters += tensor.numel;
  }
  for (const child of children) {
    bytes += child.bytes;
    parameters += child.parameters;
    tensorCount += child.tensorCount;
  }
  return {
    name,
    path,
    kind,
    type,
    repr: written ?? (kind === undefined ? type : moduleRepr(kind)),
    record,
    joinsEqual: given.torch === '2' && record?.className === 'torch.nn.modules.container.ModuleList',
    children: fused ? children.map((child) => ({ ...child, kind: undefined })) : withConv1d(children),
    tensors,
    bytes,
    parameters,
    tensorCount,
    optimizer,
  };
}

/** quantize_dynamic takes or leaves a fused pair as one and never looks inside it. */
function fusedKind(givenType: string | undefined, [first]: readonly ModuleNode[]): ModuleKind | undefined {
  return givenType === 'LinearReLU' && first?.kind?.type === 'Linear'
    ? { ...first.kind, type: 'LinearReLU' }
    : undefined;
}

/**
 * The square `c_proj` beside GPT-2's `c_attn`, whose shape [n, 3n] tells that both are Conv1D; where
 * `c_attn` is [3n, n] they are Linears.
 */
function withConv1d<T extends TensorEntry>(children: readonly ModuleNode<T>[]): readonly ModuleNode<T>[] {
  if (!children.some(({ name, kind }) => name === 'c_attn' && kind?.type === 'Conv1D')) return children;
  return children.map((child) => {
    const { name, kind, record } = child;
    if (name !== 'c_proj' || kind?.type !== 'Linear' || !kind.bias || record !== undefined) return child;
    const own: ModuleKind = { ...kind, type: 'Conv1D' };
    return { ...child, kind: own, type: own.type, repr: moduleRepr(own) };
  });
}

/** The tensors that a quantized form of the module takes the place of: of a fused pair, its Linear's. */
export function packedTensors<T extends TensorEntry>({ kind, tensors, children }: ModuleNode<T>): readonly T[] {
  return kind?.type === 'LinearReLU' ? children[0].tensors : tensors;
}

function reprContext(path: string, tensors: readonly TensorEntry[], { torch }: GivenModules) {
  return {
    parameters: new Set(tensors.map(({ name }) => ownName(name, path))),
    qscheme: tensors.find(({ qscheme }) => qscheme !== undefined)?.qscheme,
    torch,
  };
}

/** A class name that the file gives wins over what the shapes suggest. */
function kindOf(
  path: string,
  name: string,
  tensors: readonly TensorEntry[],
  givenType: string | undefined,
  first: string,
): ModuleKind | undefined {
  if (tensors.length === 0) return undefined;
  const prefix = path === '' ? '' : `${path}.`;
  const shapes = new Map<string, readonly number[]>();
  for (const tensor of tensors) shapes.set(ownName(tensor.name, path), tensor.shape);
  if (givenType === 'Embedding' || givenType === 'Linear') {
    const kind = moduleKind(shapes, givenType === 'Embedding' ? 'embedding' : 'linear', false);
    return kind?.type === givenType ? kind : undefined;
  }
  if (givenType === 'EmbeddingBag') {
    const kind = moduleKind(shapes, 'embedding', false);
    return kind?.type === 'Embedding' ? { ...kind, type: 'EmbeddingBag' } : undefined;
  }
  const weight = shapes.get('weight');
  if (givenType === 'Conv1D' && weight?.length === 2) {
    return { type: 'Conv1D', inFeatures: weight[0], outFeatures: weight[1], bias: shapes.has('bias') };
  }
  const kind = moduleKind(shapes, name, first === `${prefix}weight`);
  return givenType === undefined || kind?.type === givenType ? kind : undefined;
}

/** Children named 0, 1, … are a Sequential more often than a ModuleList; others have no type in a state dict. */
function containerType(path: string, children: readonly ModuleNode[], tensors: readonly TensorEntry[]): string {
  if (children.length === 0 || tensors.length > 0) return '';
  const numbered = children.every(({ name }) => /^\d+$/.test(name));
  const leaves = children.every(({ children: below }) => below.length === 0);
  if (!numbered) return '';
  return path === '' || leaves ? 'Sequential' : 'ModuleList';
}

/** Every node of the tree, parents first, in the order of the file. */
export function* walk<T extends TensorEntry>(root: ModuleNode<T>): Generator<ModuleNode<T>> {
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    yield node;
    for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]);
  }
}
