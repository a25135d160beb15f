import { dictEntry, entriesOf, globalCall, itemsOf } from '../pickle/access';
import {
  type PickleCall,
  PickleGlobal,
  PickleList,
  PicklePersistent,
  PickleTuple,
  type PickleValue,
} from '../pickle/types';
import type { ModuleRecord, PlainValue } from '../types';

/** What torch.nn.Module keeps for itself; everything else in a module's state is an attribute of its class. */
const internal =
  /^(_parameters|_buffers|_modules|_non_persistent_buffers_set|_is_full_backward_hook|_(forward|backward|full_backward|state_dict|load_state_dict)_.*hooks.*|_backward_hooks|_forward_hooks)$/;

/** Attributes of one module that are kept to show; no class of torch.nn has more than twenty. */
const maxAttributes = 200;
const maxText = 1_000;
const maxItems = 64;

/** The class that a call would make an object of. Before 1.6 the class came with its source. */
export function classNameOf(call: PickleCall): string {
  const { callee } = call;
  if (callee instanceof PickleGlobal) {
    if (!/^copy_?reg\._reconstructor$/.test(callee.fullName)) return callee.fullName;
    const [made] = itemsOf(call.args);
    return made instanceof PickleGlobal ? made.fullName : '';
  }
  const [tag, made] = callee instanceof PicklePersistent ? itemsOf(callee.id) : [];
  return tag === 'module' && made instanceof PickleGlobal ? made.fullName : '';
}

/** True for the state of a torch.nn.Module: the three dicts that each of them has. */
export function isModuleState(state: PickleValue | undefined): boolean {
  return dictEntry(state, '_modules') !== undefined && dictEntry(state, '_parameters') !== undefined;
}

export function moduleRecord(
  className: string,
  state: PickleValue | undefined,
  children: readonly string[],
): ModuleRecord {
  const attributes: Record<string, PlainValue> = Object.create(null) as Record<string, PlainValue>;
  let count = 0;
  for (const [key, value] of entriesOf(state)) {
    if (typeof key !== 'string' || key.length > maxText || internal.test(key)) continue;
    const plain = plainValue(value);
    if (plain === undefined || ++count > maxAttributes) continue;
    attributes[key] = plain;
  }
  return { className, attributes, children };
}

/** Numbers, text and short lists of them; undefined for everything that is more. */
export function plainValue(value: PickleValue, depth = 0): PlainValue | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return value.toString().slice(0, maxText);
  if (typeof value === 'string') return value.slice(0, maxText);
  if (value instanceof PickleGlobal) return value.module === 'torch' ? value.fullName : undefined;
  const call = globalCall(value);
  if (call?.name === 'torch.Size') return plainValue(call.args[0] ?? null, depth);
  if (call?.name === 'torch.device') return call.args.map(String).join(':').slice(0, maxText);
  if (call?.name.startsWith('torch.jit._pickle.')) return plainValue(call.args[0] ?? null, depth);
  if (!(value instanceof PickleList || value instanceof PickleTuple)) return undefined;
  if (depth > 2 || value.items.length > maxItems) return undefined;
  const items = value.items.map((item) => plainValue(item, depth + 1));
  return items.every((item) => item !== undefined) ? items : undefined;
}

/** The class name that print(model) shows: dynamic and quantized modules name themselves differently from their class. */
export function shownClass(className: string): string {
  const name = className.split('.').at(-1) ?? className;
  if (/^torch\.(ao\.)?nn\.(intrinsic\.)?quantized\.dynamic\./.test(className)) return `DynamicQuantized${name}`;
  if (/^torch\.(ao\.)?nn\.quantized\.modules\./.test(className)) {
    return /^(Linear|Embedding|EmbeddingBag|Conv\d?d|ConvTranspose\d?d|LayerNorm|GroupNorm|InstanceNorm\dd|BatchNorm\dd|ELU|ReLU6|LeakyReLU|Hardswish|Sigmoid|Dropout|Softmax|PReLU)$/.test(
      name,
    )
      ? `Quantized${name}`
      : name;
  }
  return name;
}

/** TorchScript's name of a class without its own prefix and the numbers that tell copies apart. */
export function scriptClass(name: string): string {
  return name.replace(/___torch_mangle_\d+\./g, '').replace(/^__torch__\./, '');
}
