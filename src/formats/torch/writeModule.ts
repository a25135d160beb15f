import { unsupported } from '../../core/errors';
import {
  Dict,
  Float,
  Global,
  Interned,
  List,
  NewObject,
  OrderedDict,
  Persistent,
  type Picklable,
  Reduce,
  Tuple,
  writePickle,
} from '../pickle/write';
import type { PlannedFile } from '../zip/write';
import { Archive, type TensorData } from './archive';
import { storageDtype } from './dtypes';
import { type ModuleTwin, twinObject } from './moduleTwin';
import { planArchive, type TorchFileOptions } from './write';

/**
 * Files of whole modules, as torch.save(model) writes them: the pickle of the source file with its
 * storages numbered anew, and with some modules replaced by their dynamic twins. What is kept
 * keeps its form, so the file loads wherever the source does.
 */
export interface ModuleFile {
  /** The source's pickle, from readExactPickle. */
  readonly root: Picklable;
  /** What replaces modules, by path. */
  readonly twins: ReadonlyMap<string, ModuleTwin>;
  /** Every kept module becomes one of evaluation, as quantize_dynamic makes them. */
  readonly evaluates: boolean;
  /** The bytes of a storage of the source. */
  storage(key: string, dtype: TensorData['dtype'], numel: number): TensorData['data'];
}

export function planModuleFile(file: ModuleFile, options: TorchFileOptions): PlannedFile {
  const archive = new Archive(options.engine === 'qnnpack');
  const rewritten = new Rewriter(file, archive, options.style).root();
  return planArchive(writePickle(rewritten), archive.storages, options);
}

/** Python's own pickler ends at about 1,000 objects inside one another, and a module takes three. */
const maxDepth = 1000;

/** Copies objects in the order in which they are pickled, since storages are numbered in that order. */
class Rewriter {
  private readonly made = new Map<object, Picklable>();
  private readonly underWay = new Set<object>();
  /** Names of attributes, each of which Python has once. */
  private readonly names = new Map<string, Interned>();
  private readonly left: Set<string>;
  private depth = 0;

  constructor(
    private readonly file: ModuleFile,
    private readonly archive: Archive,
    private readonly style: TorchFileOptions['style'],
  ) {
    this.left = new Set(file.twins.keys());
  }

  root(): Picklable {
    const { root } = this.file;
    if (!(root instanceof NewObject) || moduleState(root) === undefined)
      throw refused('The file does not hold one module, but a collection of other things.');
    this.collectNames(root);
    const made = this.copy(root, '');
    for (const path of this.left) throw refused(`The module ${path} is not where the file’s modules are.`);
    return made;
  }

  /** The first object of every attribute's name, which new modules share with those that stay. */
  private collectNames(root: NewObject): void {
    const seen = new Set([root]);
    for (const module of seen) {
      for (const [key, value] of moduleState(module)?.entries ?? []) {
        const text = textOf(key);
        if (text === undefined || !(key instanceof Interned)) continue;
        if (!this.names.has(text)) this.names.set(text, key);
        if (text === '_modules')
          for (const [, child] of entriesOf(value)) if (child instanceof NewObject) seen.add(child);
      }
    }
  }

  /** `path` is set where the value is a module of the tree. */
  private copy(value: Picklable, path?: string): Picklable {
    if (value instanceof Persistent) return this.persistent(value);
    if (value instanceof Global) return this.archive.global(value.module, value.name);
    if (typeof value !== 'object' || value === null || value instanceof Float || value instanceof Interned)
      return value;
    const known = this.made.get(value);
    if (known !== undefined) {
      if (path !== undefined) this.left.delete(path);
      return known;
    }
    if (this.underWay.has(value)) throw refused('An object of the file contains itself.');
    if (++this.depth > maxDepth) throw refused('The objects of the file are nested too deeply.');
    this.underWay.add(value);
    const made = this.object(value, path);
    this.underWay.delete(value);
    this.depth--;
    this.made.set(value, made);
    return made;
  }

  private object(value: Exclude<Picklable & object, Persistent | Global | Float | Interned>, path?: string): Picklable {
    if (value instanceof Tuple) return new Tuple(value.items.map((item) => this.copy(item)));
    if (value instanceof List) return new List(value.items.map((item) => this.copy(item)));
    if (value instanceof Dict) return new Dict(this.entries(value.entries));
    if (value instanceof OrderedDict) return new OrderedDict(this.entries(value.entries));
    if (value instanceof NewObject) {
      const state = path === undefined ? undefined : moduleState(value);
      if (path !== undefined && state !== undefined) return this.module(value, state, path);
      return new NewObject(this.copy(value.cls), ...this.filled(value));
    }
    const callee = this.copy(value.callee);
    const [additions, args] = this.filled(value);
    return new Reduce(callee, args, additions);
  }

  private entries(entries: Dict['entries']): [Picklable, Picklable][] {
    return entries.map(([key, item]) => [this.copy(key), this.copy(item)]);
  }

  private filled({ args, additions }: NewObject | Reduce): [Reduce['additions'], Picklable] {
    const copied = this.copy(args);
    const { items = [], entries = [], state } = additions;
    return [
      {
        items: items.map((item) => this.copy(item)),
        entries: this.entries(entries),
        ...(state === undefined ? {} : { state: this.copy(state) }),
      },
      copied,
    ];
  }

  private module(value: NewObject, state: Dict, path: string): Picklable {
    const twin = this.file.twins.get(path);
    if (twin !== undefined) {
      this.left.delete(path);
      return twinObject(twin, { archive: this.archive, style: this.style, state, name: (text) => this.name(text) });
    }
    const cls = this.copy(value.cls);
    const args = this.copy(value.args);
    const entries = state.entries.map(([key, item]): [Picklable, Picklable] => {
      const text = textOf(key);
      if (text === 'training' && this.file.evaluates) return [key, false];
      return [key, text === '_modules' ? this.children(item, path) : this.copy(item)];
    });
    return new NewObject(cls, { state: new Dict(entries) }, args);
  }

  /** The dict of a module's children, an OrderedDict before 2.0. */
  private children(value: Picklable, path: string): Picklable {
    const child = ([key, item]: readonly [Picklable, Picklable]): [Picklable, Picklable] => {
      const name = textOf(key) ?? '';
      return [key, this.copy(item, path === '' ? name : `${path}.${name}`)];
    };
    if (value instanceof Dict) return new Dict(value.entries.map(child));
    if (!(value instanceof Reduce)) return this.copy(value);
    const { entries = [], ...rest } = value.additions;
    return new Reduce(this.copy(value.callee), this.copy(value.args), { ...rest, entries: entries.map(child) });
  }

  private name(text: string): Interned {
    const known = this.names.get(text) ?? new Interned(text);
    this.names.set(text, known);
    return known;
  }

  private persistent({ id }: Persistent): Persistent {
    const [tag, type, key, , numel] = id.items;
    const text = textOf(key);
    const dtype = type instanceof Global ? storageDtype(type.module, type.name) : undefined;
    if (
      !(type instanceof Global) ||
      textOf(tag) !== 'storage' ||
      text === undefined ||
      dtype === undefined ||
      typeof numel !== 'number'
    )
      throw refused('The file has a persistent id that is no storage of PyTorch’s.');
    const data = this.file.storage(text, dtype, numel);
    const own = this.archive.nextKey({ dtype, shape: [numel], shared: text, data });
    return this.archive.persistent(this.archive.global(type.module, type.name), own, numel);
  }
}

/** Of a dict, or of an OrderedDict, which is a call with entries. */
function entriesOf(value: Picklable): Dict['entries'] {
  if (value instanceof Dict) return value.entries;
  return value instanceof Reduce ? (value.additions.entries ?? []) : [];
}

function textOf(value: Picklable): string | undefined {
  return value instanceof Interned ? value.text : undefined;
}

/** The attributes of a torch.nn.Module; undefined for another object. */
function moduleState({ additions: { state } }: NewObject): Dict | undefined {
  if (!(state instanceof Dict)) return undefined;
  const keys = new Set(state.entries.map(([key]) => textOf(key)));
  return keys.has('_parameters') && keys.has('_modules') ? state : undefined;
}

function refused(message: string) {
  return unsupported('E_EXPORT_MODULE', message, {
    hint: 'Export a state dict instead.',
  });
}
