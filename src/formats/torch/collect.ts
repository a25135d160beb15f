import { dictEntry, entriesOf, globalCall, itemsOf } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { PickleCall, PickleDict, PickleList, PickleTuple, type PickleValue } from '../pickle/types';
import type { ModuleRecord, NamedTensor, Warning } from '../types';
import type { PlacedComposite } from './checkIndices';
import type { RebuildContext } from './context';
import { keyWarnings } from './keys';
import { maxDepth, maxNodes } from './limits';
import { classNameOf, isModuleState, moduleRecord, scriptClass, shownClass } from './moduleRecord';
import { numpyScalar } from './numpyArray';
import { type Packed, type PackedPart, unpack } from './packed';
import { type PackedModule, packedModules } from './packedModules';
import { rebuildParts } from './parts';
import { rebuildTensor } from './rebuild';
import type { Constants } from './script';

/** Everything in a checkpoint's object graph that a person looks for. */
export interface Collected {
  readonly tensors: NamedTensor[];
  readonly moduleTypes: Map<string, string>;
  readonly moduleVersions: Map<string, number>;
  readonly modules: Map<string, ModuleRecord>;
  readonly metadata: Record<string, string>;
  readonly opaque: { path: string; name: string }[];
  readonly warnings: Warning[];
  /** Sparse and nested tensors, with the places of their parts in the list of tensors. */
  readonly composites: PlacedComposite[];
  readonly label: string;
}

/** Characters of one key in a path: a thousand levels of more would not fit into a string. */
const maxKeyText = 1_000;

interface Step {
  readonly value: PickleValue;
  readonly path: string;
  readonly depth: number;
}

type Child = Omit<Step, 'depth'>;

/** More than a person reads, and each costs a look at a whole dict. */
const maxKeyWarnings = 20;

/** Plain values of the file's top levels that are kept to show. */
const maxMetadata = 200;

/**
 * Walks the graph in the order of the file. Containers are entered once, so that shared and
 * circular ones end; tensors are listed under every name they have.
 */
export function collect(
  root: PickleValue,
  context: RebuildContext,
  constants: ReadonlyMap<string, Constants> = new Map(),
): Collected {
  const collector = new Collector(context, constants);
  collector.walk(root);
  return collector.finish(root);
}

class Collector {
  private readonly found: Omit<Collected, 'label'>;
  /** Packed modules by path, with the places of their weights in the list of tensors. */
  private readonly packed = new Map<string, PackedModule>();
  private readonly entered = new Set<PickleValue>();
  /** Tensors that are the root itself, and those right below it. */
  private readonly tensorsAt = [0, 0];
  private oddKeys = 0;

  private readonly context: RebuildContext;

  constructor(
    context: RebuildContext,
    private readonly constants: ReadonlyMap<string, Constants>,
  ) {
    const said = new Set<string>();
    this.context = {
      ...context,
      warn: (warning) => {
        if (said.has(warning.message)) return;
        said.add(warning.message);
        this.found.warnings.push(warning);
      },
    };
    this.found = {
      tensors: [],
      moduleTypes: new Map(),
      moduleVersions: new Map(),
      modules: new Map(),
      metadata: Object.create(null) as Record<string, string>,
      opaque: [],
      warnings: [],
      composites: [],
    };
  }

  walk(root: PickleValue): void {
    const stack: Step[] = [{ value: root, path: '', depth: 0 }];
    let nodes = 0;
    for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
      if (++nodes > maxNodes) {
        this.found.warnings.push({
          code: 'E_PT_LIMIT',
          message: `Only the first ${maxNodes} values were looked at.`,
        });
        return;
      }
      const { depth } = step;
      const children = this.visit(step);
      for (let i = children.length - 1; i >= 0; i--) stack.push({ ...children[i], depth: depth + 1 });
    }
  }

  finish(root: PickleValue): Collected {
    const found = { ...this.found, label: labelOf(root, this.tensorsAt) };
    packedModules(this.packed, found);
    return found;
  }

  private visit({ value, path, depth }: Step): readonly Child[] {
    const packed = unpack(path, value);
    if (packed !== undefined) {
      this.addPacked(packed);
      return [];
    }
    const tensor = rebuildTensor(value, this.context);
    if (tensor !== undefined) {
      this.found.tensors.push({ name: path, tensor });
      if (depth < this.tensorsAt.length) this.tensorsAt[depth]++;
      return [];
    }
    if (this.addComposite(value, path)) return [];
    const plain = typeof value === 'object' && value !== null ? numpyScalar(value) : value;
    if (plain !== undefined || value instanceof Uint8Array) {
      this.addMetadata(path, plain ?? null);
      return [];
    }
    if (!isObject(value)) return [];
    if (this.entered.has(value)) return [];
    if (depth >= maxDepth) {
      this.context.warn?.({
        code: 'E_PT_LIMIT',
        message: `The file nests containers deeper than ${maxDepth} levels; what is below was not looked at.`,
      });
      return [];
    }
    this.entered.add(value);
    return this.childrenOf(value, path);
  }

  private addPacked(packed: Packed): void {
    const { base } = packed;
    const module = this.packed.get(base) ?? { kind: packed.kind, weights: [] };
    this.packed.set(base, module);
    if (packed.kind === 'recurrent') {
      const { index, cell } = packed;
      for (const part of [cell.ih[0], cell.hh[0], ...cell.ih.slice(1), ...cell.hh.slice(1)]) {
        this.addPart(base, part, module, index);
      }
      return;
    }
    for (const part of packed.parts) this.addPart(base, part, module, 0);
  }

  private addPart(base: string, { name, value }: PackedPart, module: PackedModule, index: number): void {
    const tensor = rebuildTensor(value, this.context);
    if (tensor === undefined) {
      this.found.opaque.push({ path: join(base, name), name: kindOf(value) });
      return;
    }
    module.weights.push({ at: this.found.tensors.length, name, index, tensor });
    this.found.tensors.push({ name: join(base, name), tensor });
  }

  private addComposite(value: PickleValue, path: string): boolean {
    const composite = rebuildParts(value, this.context, (part) => rebuildTensor(part, this.context));
    if (composite === undefined) return false;
    const { layout, shape, parts } = composite;
    const { tensors, composites, metadata } = this.found;
    composites.push({ ...composite, at: tensors.length });
    for (const { name, tensor } of parts) tensors.push({ name: name === '' ? path : join(path, name), tensor });
    if (shape !== undefined && Object.keys(metadata).length < maxMetadata) {
      metadata[path || 'root'] = `${layout} tensor of shape [${shape.join(', ')}]`;
    }
    return true;
  }

  private childrenOf(value: PickleValue, path: string): Child[] {
    if (value instanceof PickleDict) {
      this.warnOfKeys(value.entries, path);
      return named(value.entries, path);
    }
    if (value instanceof PickleList || value instanceof PickleTuple) return numbered(value.items, path);
    return value instanceof PickleCall ? this.callChildren(value, path) : [];
  }

  private warnOfKeys(entries: readonly (readonly [PickleValue, PickleValue])[], path: string): void {
    if (this.oddKeys >= maxKeyWarnings) return;
    const warnings = keyWarnings(entries, path);
    this.oddKeys += warnings.length;
    this.found.warnings.push(...warnings);
  }

  private callChildren(call: PickleCall, path: string): Child[] {
    const name = classNameOf(call) || kindOf(call.callee);
    const { state } = call;
    if (/^collections\.(OrderedDict|defaultdict|Counter)$/.test(name)) {
      this.readVersions(state);
      this.warnOfKeys(call.entries, path);
      return [...pairs(call.args, path), ...named(call.entries, path)];
    }
    if (isModuleState(state)) return this.moduleChildren(name, state, path);
    if (name.startsWith('__torch__.')) return this.scriptChildren(name, state, path);
    if (!/^torch\.|^numpy\.|^_codecs\./.test(name)) this.found.opaque.push({ path, name });
    return [
      ...numbered(itemsOf(call.args), path),
      ...named(call.entries, path),
      ...numbered(call.items, path),
      ...(state === undefined ? [] : [{ value: state, path }]),
    ];
  }

  /** A torch.nn.Module: its parameters, buffers and children, then tensors that are plain attributes. */
  private moduleChildren(className: string, state: PickleValue | undefined, path: string): Child[] {
    const modules = entriesOf(dictEntry(state, '_modules')).filter(([, module]) => module !== null);
    if (!isPackedPart(path)) {
      const children = modules.map(([key]) => keyName(key)).filter((key) => !isPackedPart(key));
      this.found.moduleTypes.set(path, shownClass(className));
      this.found.modules.set(path, moduleRecord(className, state, children));
    }
    const parameters = [...entriesOf(dictEntry(state, '_parameters')), ...entriesOf(dictEntry(state, '_buffers'))];
    const registered = named([...parameters, ...modules], path).filter(({ value }) => value !== null);
    if (/quantized\.dynamic\.modules\.rnn\.\w+Cell$/.test(className)) {
      // Two random vectors that no computation reads; the biases are in the packed weights.
      return [...registered, ...attributes(state, path).filter(({ path }) => !/(^|\.)bias_[ih]h$/.test(path))];
    }
    return [...registered, ...attributes(state, path)];
  }

  /** An object of TorchScript: modules have `training`, everything else is data. */
  private scriptChildren(name: string, state: PickleValue | undefined, path: string): Child[] {
    if (!(state instanceof PickleDict)) {
      this.found.opaque.push({ path, name });
      return state === undefined ? [] : [{ value: state, path }];
    }
    const { entries } = state;
    const className = scriptClass(name);
    const modules = entries.filter(
      ([, child]) => child instanceof PickleCall && classNameOf(child).startsWith('__torch__.'),
    );
    const children = modules.map(([key]) => keyName(key));
    this.found.moduleTypes.set(path, shownClass(className));
    const record = moduleRecord(className, state, children);
    const attributes = { ...record.attributes, ...this.constants.get(name) };
    this.found.modules.set(path, { ...record, attributes });
    const direct = new Set(entries.map(([, value]) => value));
    return entries.flatMap(([key, value]) => {
      const at = join(path, keyName(key));
      const list = scriptList(value);
      // Recurrent modules list their weights a second time.
      if (list !== undefined)
        return numbered(list, at).filter(({ value: item }) => isObject(item) && !direct.has(item));
      return isObject(value) ? [{ value, path: at }] : [];
    });
  }

  /** `_metadata` of a state dict: module path to {'version': n}. */
  private readVersions(state: PickleValue | undefined): void {
    for (const [key, value] of entriesOf(dictEntry(state, '_metadata'))) {
      const version = dictEntry(value, 'version');
      if (typeof version === 'number') this.found.moduleVersions.set(keyName(key), version);
    }
  }

  private addMetadata(path: string, value: PickleValue): void {
    if (path === '' || value === null || typeof value === 'object' || path.split('.').length > 2) return;
    const { metadata } = this.found;
    if (Object.keys(metadata).length < maxMetadata) metadata[path] = String(value).slice(0, 1000);
  }
}

/** The containers between a dynamic module and its packed weight, which print(model) hides. */
function isPackedPart(path: string): boolean {
  return /(^|\.)(_packed_params|_all_weight_values(\.\d+)?)$/.test(path);
}

/** Tensors and packed weights among a module's plain attributes. */
function attributes(state: PickleValue | undefined, path: string): Child[] {
  const found = entriesOf(state).filter(
    ([key, value]) => value instanceof PickleCall && !/^_(parameters|buffers|modules)$/.test(String(key)),
  );
  return named(
    found.filter(([, value]) => isTensorCall(value)),
    path,
  );
}

function isTensorCall(value: PickleValue): boolean {
  const name = globalCall(value)?.name ?? '';
  return /^torch\.(_C\.)?ScriptObject$|^torch\._utils\._rebuild_|^torch\._tensor\._rebuild_from_type/.test(name);
}

/** Items of a list whose element type TorchScript wrote beside it. */
function scriptList(value: PickleValue): readonly PickleValue[] | undefined {
  const call = globalCall(value);
  if (call === undefined || !/^torch\.jit\._pickle\.(build_\w+list|restore_type_tag)$/.test(call.name))
    return undefined;
  return itemsOf(call.args[0]);
}

function isObject(
  value: PickleValue,
): value is Exclude<PickleValue, null | boolean | number | bigint | string | Uint8Array> {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

function join(path: string, key: string): string {
  const short = key.length > maxKeyText ? `${key.slice(0, maxKeyText)}…` : key;
  return path === '' ? short : `${path}.${short}`;
}

function keyName(key: PickleValue): string {
  return typeof key === 'string'
    ? key
    : typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean'
      ? String(key)
      : kindOf(key);
}

function named(entries: readonly (readonly [PickleValue, PickleValue])[], path: string): Child[] {
  return entries.map(([key, value]) => ({ value, path: join(path, keyName(key)) }));
}

function numbered(items: readonly PickleValue[], path: string): Child[] {
  return items.map((value, i) => ({ value, path: join(path, String(i)) }));
}

/** Python 2 wrote OrderedDict([[key, value], …]). */
function pairs(args: PickleValue, path: string): Child[] {
  const list = itemsOf(args).find((item) => item instanceof PickleList);
  return itemsOf(list).flatMap((pair) => {
    const [key, value] = itemsOf(pair);
    return itemsOf(pair).length === 2 ? [{ value, path: join(path, keyName(key)) }] : [];
  });
}

/** What to call the file: every value a tensor, some below, or an object. */
function labelOf(root: PickleValue, [atRoot, belowRoot]: readonly number[]): string {
  if (atRoot > 0) return 'PyTorch tensor';
  const name = root instanceof PickleCall ? classNameOf(root) : '';
  if (name.startsWith('__torch__.')) return 'TorchScript module';
  const entries = root instanceof PickleDict || name === 'collections.OrderedDict' ? entriesOf(root) : undefined;
  if (entries === undefined) return root instanceof PickleCall ? 'PyTorch module' : 'PyTorch file';
  const allTensors = entries.length > 0 && entries.length === belowRoot;
  return allTensors || name === 'collections.OrderedDict' ? 'PyTorch state dict' : 'PyTorch checkpoint';
}
