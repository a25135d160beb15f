import { invalid, unsupported } from '../../../core/errors';
import { roundHalfEven } from '../../../core/fma';
import { getAttribute, refuseSpecial } from '../interpreter/attributes';
import { setOf } from '../interpreter/compileCollection';
import { maxItems } from '../interpreter/limits';
import type { Run } from '../interpreter/run';
import { arithmetic, isScalar } from '../operators/arithmetic';
import { compare } from '../operators/comparison';
import { itemsOf, print } from '../operators/script';
import { rangeOf, toFloat, toInt } from '../script/scriptDialect';
import { describeType } from '../values/describe';
import { dictOf, length, truthy } from '../values/protocols';
import { StridedTensor } from '../values/stridedTensor';
import { clip, repr, str } from '../values/text';
import {
  Builtin,
  Callable,
  type Keywords,
  Namespace,
  PyClass,
  PyDict,
  PyFloat,
  PyList,
  PyObject,
  PyRange,
  PySet,
  PyTuple,
  type Value,
} from '../values/values';
import { setAttribute } from './nativeDialect';

/** Python's own functions and types: all that a model's source finds without importing it. */

export const builtins = new Map<string, Value>();

function add(name: string, body: (run: Run, args: readonly Value[], keywords: Keywords) => Value): void {
  builtins.set(name, new Builtin(name, body));
}

add('len', (_run, [value]) => length(value));
add('range', (_run, args) => rangeOf(args));
add('int', (_run, [value]) => (value === undefined ? 0 : toInt(value)));
add('float', (_run, [value]) => (value === undefined ? new PyFloat(0) : toFloat(value)));
add('bool', (_run, [value]) => value !== undefined && truthy(value));
add('str', (_run, [value]) => (value === undefined ? '' : clip(str(value))));
add('repr', (_run, [value]) => clip(repr(value)));
add('list', (run, [value]) => new PyList(value === undefined ? [] : itemsOf(run, value)));
add('tuple', (run, [value]) => new PyTuple(value === undefined ? [] : itemsOf(run, value)));
add('set', (run, [value]) => setOf(run, value === undefined ? [] : itemsOf(run, value)));
add('dict', (run, [value], keywords) => {
  const entries: (readonly [Value, Value])[] =
    value instanceof PyDict
      ? [...value.entries.values()]
      : value === undefined
        ? []
        : itemsOf(run, value).map((pair) => pairOf(run, pair));
  return dictOf(run, [...entries, ...keywords]);
});
const pairOf = (run: Run, pair: Value): readonly [Value, Value] => {
  const [key, value] = itemsOf(run, pair);
  return [key, value];
};
add('enumerate', (run, [value, start], keywords) => {
  const first = Number(keywords.get('start') ?? start ?? 0);
  return new PyList(itemsOf(run, value).map((item, i) => new PyTuple([first + i, item])));
});
add('zip', (run, args) => {
  const lists = args.map((value) =>
    value instanceof PyRange && value.length > maxItems ? value : itemsOf(run, value),
  );
  const lengths = lists.map((list) => (list instanceof PyRange ? list.length : list.length));
  const count = lengths.length === 0 ? 0 : Math.min(...lengths);
  run.budget.items(count);
  const at = (list: Value[] | PyRange, i: number): Value =>
    list instanceof PyRange ? list.start + i * list.step : list[i];
  return new PyList(Array.from({ length: count }, (_, i) => new PyTuple(lists.map((list) => at(list, i)))));
});
add('reversed', (run, [value]) =>
  value instanceof PyRange ? reversedRange(value) : new PyList(itemsOf(run, value).reverse()),
);
const reversedRange = ({ start, step, length: count }: PyRange) =>
  new PyRange(start + (count - 1) * step, start - step, -step);
add('sorted', (run, [value], keywords) => {
  const key = keywords.get('key');
  const keyed = itemsOf(run, value).map((item) => ({
    item,
    key: key instanceof Callable ? key.call(run, [item], new Map()) : item,
  }));
  const sign = truthy(keywords.get('reverse') ?? false) ? -1 : 1;
  keyed.sort((a, b) => {
    run.budget.step();
    return sign * (truthy(compare(run, 'lt', a.key, b.key)) ? -1 : truthy(compare(run, 'lt', b.key, a.key)) ? 1 : 0);
  });
  return new PyList(keyed.map(({ item }) => item));
});
add('sum', (run, [value, start]) =>
  itemsOf(run, value).reduce((sum, item) => arithmetic(run, 'add', sum, item), start ?? 0),
);
for (const [name, better] of [
  ['min', 'lt'],
  ['max', 'gt'],
] as const) {
  add(name, (run, args, keywords) => {
    const items = args.length === 1 ? itemsOf(run, args[0]) : args;
    const fallback = keywords.get('default');
    if (items.length === 0 && fallback !== undefined) return fallback;
    if (items.length === 0) throw invalid('E_RUN_VALUE', `ValueError: ${name}() iterable argument is empty`);
    return items.reduce((best, item) => (truthy(compare(run, better, item, best)) ? item : best));
  });
}
add('abs', (run, [value]) => {
  if (value instanceof StridedTensor) return getMethod(run, value, 'abs');
  return value instanceof PyFloat ? new PyFloat(Math.abs(value.value)) : Math.abs(Number(value));
});
const getMethod = (run: Run, value: Value, name: string): Value =>
  (getAttribute(run, value, name) as Callable).call(run, [], new Map());
add('round', (run, [value, digits]) => {
  if (value instanceof StridedTensor) return getMethod(run, value, 'round');
  if (!isScalar(value)) throw invalid('E_RUN_TYPE', `${describeType(value)} cannot be rounded`);
  const x = value instanceof PyFloat ? value.value : Number(value);
  if (digits === undefined || digits === null) return toInt(new PyFloat(roundHalfEven(x)));
  const factor = 10 ** Math.max(-300, Math.min(300, Number(digits)));
  return value instanceof PyFloat ? new PyFloat(roundHalfEven(x * factor) / factor) : value;
});
add(
  'divmod',
  (run, [a, b]) => new PyTuple([arithmetic(run, 'floor_divide', a, b), arithmetic(run, 'remainder', a, b)]),
);
add('pow', (run, [a, b]) => arithmetic(run, 'pow', a, b));
add('any', (run, [value]) => itemsOf(run, value).some(truthy));
add('all', (run, [value]) => itemsOf(run, value).every(truthy));
add('map', (run, [f, ...lists]) => {
  const columns = lists.map((list) => itemsOf(run, list));
  const count = Math.min(...columns.map((column) => column.length));
  return new PyList(
    Array.from({ length: count }, (_, i) =>
      (f as Callable).call(
        run,
        columns.map((column) => column[i]),
        new Map(),
      ),
    ),
  );
});
add(
  'filter',
  (run, [f, list]) =>
    new PyList(
      itemsOf(run, list).filter((item) => truthy(f === null ? item : (f as Callable).call(run, [item], new Map()))),
    ),
);
add('print', (run, args, keywords) => {
  print(run, args, String(keywords.get('sep') ?? ' '));
  return null;
});
add('ord', (_run, [value]) => String(value).codePointAt(0) ?? 0);
add('chr', (_run, [value]) => String.fromCodePoint(Math.max(0, Math.min(0x10ffff, Number(value)))));
add('id', () => 0);
add(
  'callable',
  (_run, [value]) =>
    value instanceof Callable || value instanceof PyClass || (value instanceof PyObject && value.type.isModule),
);
add('type', (_run, [value]) => (value instanceof PyObject ? value.type : describeType(value)));

const nameOf = (value: Value): string => {
  if (typeof value !== 'string') throw invalid('E_RUN_TYPE', 'attribute name must be a string');
  refuseSpecial(value);
  return value;
};
function has(run: Run, value: Value, name: string): boolean {
  if (value instanceof Namespace) return value.lookup(name) !== undefined;
  if (!(value instanceof PyObject)) {
    throw unsupported(
      'E_PY_UNSUPPORTED',
      'hasattr and getattr with a default are for modules and records of the file.',
    );
  }
  const { module } = value;
  run.budget.step();
  return (
    value.attributes.has(name) ||
    value.type.find(name) !== undefined ||
    (module !== undefined && (module.modules.has(name) || module.parameters.has(name) || module.buffers.has(name)))
  );
}
add('hasattr', (run, [value, name]) => has(run, value, nameOf(name)));
add('getattr', (run, [value, name, fallback]) => {
  const key = nameOf(name);
  if (fallback !== undefined && !has(run, value, key)) return fallback;
  return getAttribute(run, value, key);
});
add('setattr', (run, [value, name, item]) => {
  setAttribute(run, value, nameOf(name), item);
  return null;
});
add('isinstance', (_run, [value, type]) => {
  const types = type instanceof PyTuple ? type.items : [type];
  return types.some((one) => isInstance(value, one));
});

function isInstance(value: Value, type: Value): boolean {
  if (type instanceof PyClass) {
    if (type.name === 'Tensor') return value instanceof StridedTensor;
    return value instanceof PyObject && value.type.extends(type);
  }
  const name = type instanceof Callable ? type.name : '';
  if (name === 'int') return typeof value === 'number' || typeof value === 'boolean';
  if (name === 'float') return value instanceof PyFloat;
  if (name === 'bool') return typeof value === 'boolean';
  if (name === 'str') return typeof value === 'string';
  if (name === 'list') return value instanceof PyList;
  if (name === 'tuple') return value instanceof PyTuple;
  if (name === 'dict') return value instanceof PyDict;
  if (name === 'set') return value instanceof PySet;
  return false;
}

/** Exceptions are only raised, never caught: their names are enough. */
for (const name of [
  'Exception',
  'ValueError',
  'TypeError',
  'RuntimeError',
  'NotImplementedError',
  'AssertionError',
  'KeyError',
  'IndexError',
  'AttributeError',
  'ImportError',
]) {
  add(name, (_run, [message]) => message ?? '');
}
builtins.set('object', new PyClass('object', [], false));
