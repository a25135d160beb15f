import { invalid, unsupported } from '../../../core/errors';
import { fromValues } from '../operators/creation';
import { itemsOf } from '../operators/script';
import { permute, transpose } from '../operators/shape';
import { findOperator, nearest, operatorNames } from '../operators/table';
import { dimension } from '../values/broadcast';
import { describeType } from '../values/describe';
import { isFloating } from '../values/elements';
import { equalValues } from '../values/equal';
import { itemOf } from '../values/promotion';
import { dictOf, keyOf, setEntry } from '../values/protocols';
import { dense, StridedTensor } from '../values/stridedTensor';
import { formatTemplate } from '../values/text';
import {
  BoundMethod,
  Builtin,
  Callable,
  cpu,
  DTypeValue,
  type Keywords,
  Namespace,
  PyClass,
  PyDict,
  PyList,
  PyObject,
  PySet,
  PyTuple,
  type Value,
} from '../values/values';
import { SuperObject } from './compileCall';
import type { Run } from './run';

/**
 * What can be read of a value by name. Names come from these tables, from the object's own
 * attributes and from its class; nothing that starts with two underscores can be reached.
 */
export function getAttribute(run: Run, value: Value, name: string): Value {
  if (value instanceof SuperObject) {
    const method = value.method(name);
    if (method !== undefined) return method;
    throw missing(value, name, []);
  }
  refuseSpecial(name);
  if (value instanceof PyObject) return objectAttribute(run, value, name);
  if (value instanceof StridedTensor) return tensorAttribute(run, value, name);
  if (value instanceof Namespace) {
    const found = value.lookup(name);
    if (found === undefined) {
      throw unsupported('E_OPERATOR', `${value.name}.${name} is not supported.`, { hint: nearHint(value, name) });
    }
    return found;
  }
  if (value instanceof PyClass) {
    const member = value.find(name);
    if (member !== undefined)
      return member.kind === 'class' && member.value instanceof Callable
        ? new BoundMethod(value, member.value)
        : member.value;
    throw missing(value, name, [...value.members.keys()]);
  }
  if (value instanceof PyTuple) {
    const at = value.names?.indexOf(name) ?? -1;
    if (at >= 0) return value.items[at];
  }
  if (value instanceof DTypeValue && name === 'is_floating_point') return /float/.test(value.dtype);
  if (value === cpu && name === 'type') return 'cpu';
  if (value === cpu && name === 'index') return null;
  const methods = methodsOf(value);
  const method = methods?.get(name);
  if (method !== undefined) return new BoundMethod(value, method);
  throw missing(value, name, [...(methods?.keys() ?? [])]);
}

function nearHint({ name: space }: Namespace, name: string): string {
  const set = space === 'torch.nn.functional' ? 'functional' : 'torch';
  const near = nearest(name, operatorNames(set));
  return `${near === undefined ? '' : `The nearest that is supported is ${near}. `}docs/operators.md lists all operators.`;
}

export function refuseSpecial(name: string): void {
  if (name.startsWith('__')) {
    throw unsupported(
      'E_PY_SPECIAL',
      `The attribute ${JSON.stringify(name.slice(0, 40))} cannot be reached: names that start with two underscores are not part of the subset.`,
    );
  }
}

function missing(value: Value, name: string, known: readonly string[]): Error {
  const near = nearest(name, known);
  return invalid(
    'E_RUN_ATTRIBUTE',
    `AttributeError: '${describeType(value)}' object has no attribute '${name.slice(0, 80)}'`,
    near === undefined ? {} : { hint: `Did you mean ${near}?` },
  );
}

function objectAttribute(run: Run, object: PyObject, name: string): Value {
  const own = object.attributes.get(name);
  if (own !== undefined) return own;
  const { module } = object;
  if (module !== undefined) {
    const found = module.parameters.get(name) ?? module.buffers.get(name)?.tensor ?? module.modules.get(name);
    if (found !== undefined) return found;
    if (module.parameters.has(name) || module.buffers.has(name) || module.modules.has(name)) return null;
    if (name === 'training') return false;
  }
  const member = object.type.find(name);
  if (member === undefined) {
    const known = [
      ...object.attributes.keys(),
      ...(module?.modules.keys() ?? []),
      ...(module?.parameters.keys() ?? []),
    ];
    throw missing(object, name, known);
  }
  if (member.kind === 'property' && member.value instanceof Callable)
    return member.value.call(run, [object], new Map());
  if (member.kind === 'static') return member.value;
  if (member.kind === 'class' && member.value instanceof Callable) return new BoundMethod(object.type, member.value);
  return member.value instanceof Callable ? new BoundMethod(object, member.value) : member.value;
}

/** What TorchScript and Python read of a tensor without calling. */
const tensorProperties: Readonly<Record<string, (x: StridedTensor, run: Run) => Value>> = {
  shape: (x) => new PyTuple([...x.shape], undefined, 'torch.Size'),
  dtype: (x) => new DTypeValue(x.dtype),
  device: () => cpu,
  ndim: (x) => x.rank,
  data: (x) => x,
  real: (x) => x,
  T: (x) =>
    permute(
      x,
      x.shape.map((_, d) => x.rank - 1 - d),
    ),
  mT: (x) => transpose(x, -2, -1),
  itemsize: (x) => x.storage.data.BYTES_PER_ELEMENT,
  requires_grad: () => false,
  is_cuda: () => false,
  is_nested: () => false,
  is_sparse: () => false,
  is_quantized: () => false,
  grad: () => null,
};

/** Tensor methods that Python spells otherwise than the operators. */
const tensorMethods = new Map<string, Builtin>();
function method(
  name: string,
  body: (run: Run, x: StridedTensor, args: readonly Value[], keywords: Keywords) => Value,
): void {
  tensorMethods.set(
    name,
    new Builtin(name, (run, [x, ...args], keywords) => body(run, x as StridedTensor, args, keywords)),
  );
}
method('size', (_run, x, [dim]) => {
  if (dim === undefined) return new PyTuple([...x.shape], undefined, 'torch.Size');
  return x.shape[dimension(Number(dim), x.rank)];
});
method('tolist', (run, x) => {
  run.budget.items(x.count);
  const values = dense(run.budget, x);
  let at = 0;
  const build = (d: number): Value => {
    if (d === x.rank)
      return itemOf(new StridedTensor({ type: x.type, data: values } as StridedTensor['storage'], [], [], at++));
    return new PyList(Array.from({ length: x.shape[d] }, () => build(d + 1)));
  };
  return build(0);
});
method('numpy', () => {
  throw unsupported('E_PY_UNSUPPORTED', 'numpy() is not part of the subset: arrays of NumPy are not known here.', {
    hint: 'Keep the values in tensors.',
  });
});
for (const name of ['backward', 'register_hook', 'share_memory_', 'pin_memory', 'retain_grad']) {
  method(name, (_run, x) => (name === 'share_memory_' || name === 'pin_memory' ? x : null));
}
for (const name of ['normal_', 'uniform_', 'xavier_uniform_', 'random_', 'bernoulli_']) method(name, (_run, x) => x);
method('element_size', (_run, x) => x.storage.data.BYTES_PER_ELEMENT);
method('new', (run) => fromValues(run, new PyList([]), 'float32'));
method('is_floating_point', (_run, x) => isFloating(x.type));

function tensorAttribute(run: Run, x: StridedTensor, name: string): Value {
  if (Object.hasOwn(tensorProperties, name)) return tensorProperties[name](x, run);
  const found =
    tensorMethods.get(name) ??
    findOperator('torch', name) ??
    (tensorFunctions.has(name) ? findOperator('functional', name) : undefined);
  if (found === undefined) {
    const near = nearest(name, operatorNames('torch'));
    throw unsupported('E_OPERATOR', `The tensor method ${name.slice(0, 80)} is not supported.`, {
      hint: `${near === undefined ? '' : `The nearest that is supported is ${near}. `}docs/operators.md lists all operators.`,
    });
  }
  return new BoundMethod(x, found);
}

/** Methods that only torch.nn.functional names otherwise. */
const tensorFunctions: ReadonlySet<string> = new Set(['normalize']);

type Methods = ReadonlyMap<string, Callable>;

function table(
  entries: Readonly<Record<string, (run: Run, args: readonly Value[], keywords: Keywords) => Value>>,
): Methods {
  return new Map(Object.entries(entries).map(([name, body]) => [name, new Builtin(name, body)]));
}

function fromOperators(names: readonly string[]): [string, Callable][] {
  return names.flatMap((name) => {
    const operator = findOperator('torch', name);
    return operator === undefined ? [] : [[name, operator] as [string, Callable]];
  });
}

const listMethods = (): Methods =>
  new Map<string, Callable>([
    ...fromOperators(['append', 'extend', 'insert', 'pop', 'reverse', 'sort', 'clear', 'copy', 'index']),
    ...table({
      count: (_run, [list, item]) => (list as PyList).items.filter((one) => equalValues(one, item)).length,
    }),
  ]);

const dictMethods = (): Methods =>
  table({
    get: (_run, [dict, key, fallback]) => (dict as PyDict).entries.get(keyOf(key))?.[1] ?? fallback ?? null,
    keys: (_run, [dict]) => new PyList([...(dict as PyDict).entries.values()].map(([key]) => key)),
    values: (_run, [dict]) => new PyList([...(dict as PyDict).entries.values()].map(([, value]) => value)),
    items: (_run, [dict]) => new PyList([...(dict as PyDict).entries.values()].map((entry) => new PyTuple(entry))),
    copy: (run, [dict]) => dictOf(run, (dict as PyDict).entries.values()),
    pop: (_run, [dict, key, fallback]) => {
      const { entries } = dict as PyDict;
      const found = entries.get(keyOf(key));
      if (found === undefined && fallback === undefined) throw invalid('E_RUN_KEY', 'KeyError');
      entries.delete(keyOf(key));
      return found?.[1] ?? fallback;
    },
    setdefault: (run, [dict, key, fallback]) => {
      const found = (dict as PyDict).entries.get(keyOf(key));
      if (found !== undefined) return found[1];
      setEntry(run, dict as PyDict, key, fallback ?? null);
      return fallback ?? null;
    },
    update: (run, [dict, other], keywords) => {
      if (other instanceof PyDict)
        for (const [key, value] of other.entries.values()) setEntry(run, dict as PyDict, key, value);
      for (const [key, value] of keywords) setEntry(run, dict as PyDict, key, value);
      return null;
    },
  });

const text = (value: Value): string => value as string;
const stringMethods = (): Methods =>
  table({
    format: (_run, [template, ...args], keywords) => formatTemplate(text(template), args, keywords),
    join: (run, [separator, items]) => {
      const parts = itemsOf(run, items).map(text);
      run.budget.items(parts.reduce((sum, part) => sum + part.length + text(separator).length, 0));
      return parts.join(text(separator));
    },
    split: (_run, [value, separator]) =>
      new PyList(
        separator === undefined || separator === null
          ? text(value).split(/\s+/).filter(Boolean)
          : text(value).split(text(separator)),
      ),
    startswith: (_run, [value, prefix]) => text(value).startsWith(text(prefix)),
    endswith: (_run, [value, suffix]) => text(value).endsWith(text(suffix)),
    lower: (_run, [value]) => text(value).toLowerCase(),
    upper: (_run, [value]) => text(value).toUpperCase(),
    strip: (_run, [value]) => text(value).trim(),
    replace: (run, [value, from, to]) => {
      run.budget.items(text(value).length * Math.max(text(to).length, 1));
      return text(value).replaceAll(text(from), () => text(to));
    },
    isdigit: (_run, [value]) => /^\d+$/.test(text(value)),
  });

const setMethods = (): Methods =>
  table({
    add: (run, [set, item]) => {
      run.budget.items((set as PySet).entries.size + 1);
      (set as PySet).entries.set(keyOf(item), item);
      return null;
    },
    discard: (_run, [set, item]) => {
      (set as PySet).entries.delete(keyOf(item));
      return null;
    },
  });

const tupleMethods = (): Methods =>
  table({
    index: (_run, [tuple, item]) => (tuple as PyTuple).items.findIndex((one) => equalValues(one, item)),
    count: (_run, [tuple, item]) => (tuple as PyTuple).items.filter((one) => equalValues(one, item)).length,
    numel: (_run, [tuple]) => (tuple as PyTuple).items.reduce((product: number, size) => product * Number(size), 1),
  });

let made:
  | {
      readonly list: Methods;
      readonly dict: Methods;
      readonly string: Methods;
      readonly set: Methods;
      readonly tuple: Methods;
    }
  | undefined;

function methodsOf(value: Value): Methods | undefined {
  made ??= {
    list: listMethods(),
    dict: dictMethods(),
    string: stringMethods(),
    set: setMethods(),
    tuple: tupleMethods(),
  };
  if (value instanceof PyList) return made.list;
  if (value instanceof PyDict) return made.dict;
  if (typeof value === 'string') return made.string;
  if (value instanceof PySet) return made.set;
  return value instanceof PyTuple ? made.tuple : undefined;
}
