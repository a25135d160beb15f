import { kindOf } from '../pickle/read';
import { PickleCall, PickleDict, PickleGlobal, PickleList, PickleTuple, type PickleValue } from '../pickle/types';
import type { NamedTensor, Warning } from '../types';
import { maxDepth, maxNodes } from './limits';
import { type RebuildContext, rebuildTensor } from './rebuild';

/** Everything in a checkpoint's object graph that a person looks for. */
export interface Collected {
  readonly tensors: NamedTensor[];
  readonly moduleTypes: Map<string, string>;
  readonly moduleVersions: Map<string, number>;
  readonly metadata: Record<string, string>;
  readonly opaque: { path: string; name: string }[];
  readonly warnings: Warning[];
  readonly label: string;
}

/** Characters of one key in a path: a thousand levels of more would not fit into a string. */
const maxKeyText = 1_000;

interface Step {
  readonly value: PickleValue;
  readonly path: string;
  readonly depth: number;
}

/** Plain values of the file's top levels that are kept to show. */
const maxMetadata = 200;

/**
 * Walks the graph in the order of the file. Containers are entered once, so that shared and
 * circular ones end; tensors are listed under every name they have.
 */
export function collect(root: PickleValue, context: RebuildContext): Collected {
  const found: Collected = {
    tensors: [],
    moduleTypes: new Map(),
    moduleVersions: new Map(),
    metadata: Object.create(null) as Record<string, string>,
    opaque: [],
    warnings: [],
    label: labelOf(root, context),
  };
  const entered = new Set<PickleValue>();
  const stack: Step[] = [{ value: root, path: '', depth: 0 }];
  let nodes = 0;
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (++nodes > maxNodes) {
      found.warnings.push({ code: 'E_PT_LIMIT', message: `Only the first ${maxNodes} values were looked at.` });
      break;
    }
    const { value, path, depth } = step;
    const tensor = rebuildTensor(value, context);
    if (tensor !== undefined) {
      found.tensors.push({ name: path, tensor });
      continue;
    }
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
      addMetadata(found, path, value);
      continue;
    }
    if (entered.has(value) || depth > maxDepth) continue;
    entered.add(value);
    const children = childrenOf(value, path, found);
    for (let i = children.length - 1; i >= 0; i--) stack.push({ ...children[i], depth: depth + 1 });
  }
  return found;
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

type Child = Omit<Step, 'depth'>;

function childrenOf(value: PickleValue, path: string, found: Collected): Child[] {
  if (value instanceof PickleDict)
    return value.entries.map(([key, child]) => ({ value: child, path: join(path, keyName(key)) }));
  if (value instanceof PickleList || value instanceof PickleTuple)
    return value.items.map((child, i) => ({ value: child, path: join(path, String(i)) }));
  if (value instanceof PickleCall) return callChildren(value, path, found);
  return [];
}

function callChildren(call: PickleCall, path: string, found: Collected): Child[] {
  const name = call.callee instanceof PickleGlobal ? call.callee.fullName : kindOf(call.callee);
  const state = call.state instanceof PickleDict ? call.state : undefined;
  const own = call.entries.map(([key, child]) => ({ value: child, path: join(path, keyName(key)) }));
  if (/^collections\.(OrderedDict|defaultdict|Counter)$/.test(name)) {
    readVersions(state, found);
    return [...pairs(call.args, path), ...own];
  }
  const modules = state && dictEntry(state, '_modules');
  if (state !== undefined && modules !== undefined) {
    found.moduleTypes.set(path, name.split('.').at(-1) ?? name);
    return ['_parameters', '_buffers', '_modules'].flatMap((part) => items(dictEntry(state, part), path));
  }
  if (name.startsWith('__torch__.'))
    found.moduleTypes.set(
      path,
      name
        .replace(/___torch_mangle_\d+\./g, '')
        .split('.')
        .at(-1) ?? name,
    );
  else if (!/^torch\.|^numpy\.|^_codecs\./.test(name)) found.opaque.push({ path, name });
  const inside = call.state === undefined ? [] : [{ value: call.state, path }];
  const args =
    call.args instanceof PickleTuple
      ? call.args.items.map((child, i) => ({ value: child, path: join(path, String(i)) }))
      : [];
  return [...args, ...own, ...call.items.map((child, i) => ({ value: child, path: join(path, String(i)) })), ...inside];
}

/** Python 2 wrote OrderedDict([[key, value], …]). */
function pairs(args: PickleValue, path: string): Child[] {
  const list = args instanceof PickleTuple ? args.items.find((item) => item instanceof PickleList) : undefined;
  if (!(list instanceof PickleList)) return [];
  return list.items.flatMap((pair) => {
    const items = pair instanceof PickleList || pair instanceof PickleTuple ? pair.items : [];
    return items.length === 2 ? [{ value: items[1], path: join(path, keyName(items[0])) }] : [];
  });
}

function items(value: PickleValue | undefined, path: string): Child[] {
  const entries = value instanceof PickleDict || value instanceof PickleCall ? value.entries : [];
  return entries.map(([key, child]) => ({ value: child, path: join(path, keyName(key)) }));
}

function dictEntry(dict: PickleDict, key: string): PickleValue | undefined {
  return dict.entries.find(([name]) => name === key)?.[1];
}

/** `_metadata` of a state dict: module path to {'version': n}. */
function readVersions(state: PickleDict | undefined, found: Collected): void {
  const metadata = state && dictEntry(state, '_metadata');
  for (const { value, path } of items(metadata, '')) {
    const version = value instanceof PickleDict ? dictEntry(value, 'version') : undefined;
    if (typeof version === 'number') found.moduleVersions.set(path, version);
  }
}

function addMetadata(found: Collected, path: string, value: PickleValue): void {
  if (path === '' || value === null || typeof value === 'object' || path.split('.').length > 2) return;
  if (Object.keys(found.metadata).length < maxMetadata) found.metadata[path] = String(value).slice(0, 1000);
}

/** What to call the file: every value a tensor, some below, or an object. */
function labelOf(root: PickleValue, context: RebuildContext): string {
  if (rebuildTensor(root, context) !== undefined) return 'PyTorch tensor';
  const name = root instanceof PickleCall && root.callee instanceof PickleGlobal ? root.callee.fullName : '';
  if (name.startsWith('__torch__.')) return 'TorchScript module';
  const entries =
    root instanceof PickleDict || name === 'collections.OrderedDict'
      ? (root as PickleDict | PickleCall).entries
      : undefined;
  if (entries === undefined) return root instanceof PickleCall ? 'PyTorch module' : 'PyTorch file';
  const allTensors = entries.length > 0 && entries.every(([, value]) => rebuildTensor(value, context) !== undefined);
  return allTensors || name === 'collections.OrderedDict' ? 'PyTorch state dict' : 'PyTorch checkpoint';
}
