import { invalid, unsupported } from '../../../core/errors';
import { maxPrintedLines } from '../interpreter/limits';
import type { Run } from '../interpreter/run';
import { describeType } from '../values/describe';
import { category, isFloating, scalarTypeCode } from '../values/elements';
import { equalValues } from '../values/equal';
import { itemOf } from '../values/promotion';
import { dictOf, iterate, keyOf, length, sequenceIndex, slicePositions, truthy } from '../values/protocols';
import { dense, StridedTensor, scalarTensor } from '../values/stridedTensor';
import { clip, formatTemplate, str } from '../values/text';
import { cpu, DTypeValue, PyDict, PyFloat, PyList, PyObject, PyTuple, type Value } from '../values/values';
import { arithmetic, isScalar } from './arithmetic';
import { compare } from './comparison';
import { select } from './shape';
import { alias, define } from './table';

/** What TorchScript writes as operators and Python has as syntax: lists, dicts, sizes, identity, text. */

const row = (tensor: StridedTensor, index: number) => select(tensor, 0, index);
/** Every item of an iterable, charged. */
export function itemsOf(run: Run, value: Value): Value[] {
  const items: Value[] = [];
  for (const item of iterate(run, value, row)) {
    run.budget.step();
    if (items.push(item) % 1000 === 0) run.budget.items(items.length);
  }
  run.budget.items(items.length);
  return items;
}

define('size(Tensor self)', (_run, x: StridedTensor) => new PyList([...x.shape]));
define(
  'size(Tensor self, int dim)',
  (_run, x: StridedTensor, dim: number) => x.shape[sequenceIndex(dim, x.rank, 'Dimension')],
);
define('stride(Tensor self)', (_run, x: StridedTensor) => new PyList([...x.strides]));
define('dim(Tensor self)', (_run, x: StridedTensor) => x.rank);
define('numel(Tensor self)', (_run, x: StridedTensor) => x.count);
define('len(any self)', (_run, x: Value) => length(x));
define('item(Tensor self)', (_run, x: StridedTensor) => itemOf(x));
alias('nelement', 'numel');
alias('ndimension', 'dim');

for (const name of ['Bool', 'Int', 'Float', 'IntImplicit', 'FloatImplicit', 'ScalarImplicit', 'Scalar'] as const) {
  define(`${name}(any self)`, (_run, x: Value) => {
    const value = x instanceof StridedTensor ? itemOf(x) : x;
    if (/^Bool/.test(name)) return truthy(value);
    if (/^Int/.test(name)) return value instanceof PyFloat ? Math.trunc(value.value) : Number(value);
    return /^Float/.test(name) && !(value instanceof PyFloat) ? new PyFloat(Number(value)) : value;
  });
}

define(
  '__is__(any self, any obj)',
  (_run, a: Value, b: Value) => a === b || (a instanceof DTypeValue && equalValues(a, b)),
);
define('__isnot__(any self, any obj)', (_run, a: Value, b: Value) => a !== b);
define('__not__(any self)', (_run, a: Value) => !truthy(a));
define('__contains__(any container, any item)', (run, container: Value, item: Value) => contains(run, container, item));

/** Python's `in`. */
export function contains(run: Run, container: Value, item: Value): boolean {
  if (container instanceof PyDict) return container.entries.has(keyOf(item));
  if (typeof container === 'string') return typeof item === 'string' && container.includes(item);
  if (container instanceof PyObject && typeof item === 'string') return container.module?.modules.has(item) ?? false;
  if (container instanceof StridedTensor && isScalar(item)) {
    const wanted = item instanceof PyFloat ? item.value : Number(item);
    return dense(run.budget, container).includes(wanted);
  }
  for (const one of iterate(run, container, row)) {
    run.budget.step();
    if (equalValues(one, item)) return true;
  }
  return false;
}

define('append(list self, any el)', (run, list: PyList, item: Value) => {
  run.budget.items(list.items.length + 1);
  list.items.push(item);
  return list;
});
define('extend(list self, any other)', (run, list: PyList, other: Value) => {
  const items = itemsOf(run, other);
  run.budget.items(list.items.length + items.length);
  for (const item of items) list.items.push(item);
  return list;
});
define('insert(list self, int idx, any el)', (run, list: PyList, at: number, item: Value) => {
  run.budget.items(list.items.length + 1);
  list.items.splice(at, 0, item);
  return null;
});
define(
  'pop(list self, int idx=-1)',
  (_run, list: PyList, at: number) => list.items.splice(sequenceIndex(at, list.items.length, 'pop'), 1)[0],
);
define('reverse(list self)', (_run, list: PyList) => {
  list.items.reverse();
  return null;
});
define('sort(list self, bool reverse=False)', (run, list: PyList, reverse: boolean) => {
  run.budget.compute(list.items.length * 20);
  const sign = reverse ? -1 : 1;
  list.items.sort((a, b) => sign * (a === b ? 0 : compare(run, 'lt', a, b) === true ? -1 : 1));
  return null;
});
define('clear(list self)', (_run, list: PyList) => {
  list.items.length = 0;
  return null;
});
define('copy(list self)', (_run, list: PyList) => new PyList([...list.items]));
define('copy(any self)', (run, dict: Value) => {
  if (!(dict instanceof PyDict)) throw invalid('E_RUN_TYPE', `${describeType(dict)} has no copy()`);
  return dictOf(run, dict.entries.values());
});
define('index(list self, any el)', (_run, list: PyList, item: Value) => {
  const at = list.items.findIndex((one) => equalValues(one, item));
  if (at < 0) throw invalid('E_RUN_VALUE', 'ValueError: the value is not in the list');
  return at;
});
define('_set_item(list l, int idx, any el)', (_run, list: PyList, at: number, item: Value) => {
  list.items[sequenceIndex(at, list.items.length, 'list')] = item;
  return list;
});
define('_set_item(any d, any key, any value)', (run, dict: Value, key: Value, value: Value) => {
  if (!(dict instanceof PyDict)) throw invalid('E_RUN_TYPE', `${describeType(dict)} takes no items`);
  run.budget.items(dict.entries.size + 1);
  dict.entries.set(keyOf(key), [key, value]);
  return null;
});
define('__getitem__(any l, any idx)', (_run, container: Value, at: Value) => {
  if (container instanceof PyDict) {
    const found = container.entries.get(keyOf(at));
    if (found === undefined) throw invalid('E_RUN_KEY', `KeyError: ${str(at)}`);
    return found[1];
  }
  if (!(container instanceof PyList || container instanceof PyTuple))
    throw invalid('E_RUN_TYPE', `${describeType(container)} has no items`);
  return container.items[sequenceIndex(at, container.items.length, 'list')];
});
define(
  'slice(list l, int? start=None, int? end=None, int step=1)',
  (_run, list: PyList, start: number | null, end: number | null, step: number) =>
    new PyList(slicePositions(list.items.length, start, end, step).map((i) => list.items[i])),
);
define(
  'slice(str string, int? start=None, int? end=None, int step=1)',
  (_run, text: string, start: number | null, end: number | null, step: number) =>
    slicePositions(text.length, start, end, step)
      .map((i) => text[i])
      .join(''),
);
define(
  'select(list l, int idx)',
  (_run, list: PyList, at: number) => list.items[sequenceIndex(at, list.items.length, 'list')],
);
define('list(any self)', (run, value: Value) => new PyList(itemsOf(run, value)));
define('dict(any self=None)', (_run, value: Value) => (value instanceof PyDict ? value : new PyDict()));
define('keys(any self)', (_run, dict: PyDict) => new PyList([...dict.entries.values()].map(([key]) => key)));
define('values(any self)', (_run, dict: PyDict) => new PyList([...dict.entries.values()].map(([, value]) => value)));
define(
  'items(any self)',
  (_run, dict: PyDict) => new PyList([...dict.entries.values()].map((entry) => new PyTuple(entry))),
);
define(
  'get(any self, any key, any default=None)',
  (_run, dict: PyDict, key: Value, fallback: Value) => dict.entries.get(keyOf(key))?.[1] ?? fallback,
);
define('update(any self, any other)', (run, dict: PyDict, other: PyDict) => {
  for (const [key, entry] of dictOf(run, other.entries.values()).entries) dict.entries.set(key, entry);
  return null;
});
define('__range_length(int start, int stop, int step)', (_run, start: number, stop: number, step: number) =>
  Math.max(0, Math.ceil((stop - start) / step)),
);
define(
  '__derive_index(int index, int start, int step)',
  (_run, index: number, start: number, step: number) => start + index * step,
);
define('format(str self, rest args)', (_run, template: string, args: Value[]) =>
  clip(formatTemplate(template, args, new Map())),
);
define('str(any self)', (_run, value: Value) => clip(str(value)));
define('join(str self, any values)', (run, separator: string, values: Value) =>
  itemsOf(run, values)
    .map((value) => str(value))
    .join(separator),
);
define('is_floating_point(Tensor self)', (_run, x: StridedTensor) => isFloating(x.type));
define('is_complex(Tensor self)', () => false);
define('is_contiguous(Tensor self)', (_run, x: StridedTensor) => x.contiguous);
define('is_signed(Tensor self)', (_run, x: StridedTensor) => category(x.type) > 0 && x.type !== 'uint8');
define('is_tensor(any obj)', (_run, value: Value) => value instanceof StridedTensor);
for (const name of [
  'is_autocast_enabled',
  'is_grad_enabled',
  'is_autocast_cpu_enabled',
  'is_scripting',
  'is_tracing',
]) {
  define(`${name}(rest arguments)`, () => false);
}
define('warn(rest arguments)', () => null);
define('manual_seed(int seed)', (run, seed: number) => {
  run.generator.manualSeed(seed);
  return null;
});
define('min(number self, number other)', (_run, a: Value, b: Value) => (numeric(a) <= numeric(b) ? a : b));
define('max(number self, number other)', (_run, a: Value, b: Value) => (numeric(a) >= numeric(b) ? a : b));
const numeric = (value: Value): number => (value instanceof PyFloat ? value.value : Number(value));

define('any(list self)', (_run, list: PyList) => list.items.some(truthy));
define('all(list self)', (_run, list: PyList) => list.items.every(truthy));
define('sum(list self)', (run, list: PyList) =>
  list.items.reduce<Value>((sum, item) => arithmetic(run, 'add', sum, item), 0),
);

define(
  'NumToTensor(any self)',
  (_run, value: Value) => {
    if (value instanceof StridedTensor) return value;
    return value instanceof PyFloat
      ? scalarTensor('float64', value.value)
      : typeof value === 'boolean'
        ? scalarTensor('bool', Number(value))
        : scalarTensor('int64', Number(value));
  },
  'prim',
);
define(
  'RaiseException(any message, any cls=None)',
  (_run, message: Value, type: Value) => {
    throw invalid(
      'E_MODEL_RAISED',
      `The model raises ${typeof type === 'string' ? type.replace(/^builtins\./, '') : 'an error'}: ${clip(str(message))}`,
    );
  },
  'prim',
);
define('dtype(Tensor self)', (_run, x: StridedTensor) => scalarTypeCode(x.dtype), 'prim');
define('device(Tensor self)', () => cpu, 'prim');
define('layout(Tensor self)', () => 0, 'prim');
for (const name of [
  'requires_grad',
  'is_cuda',
  'is_quantized',
  'is_sparse',
  'is_mkldnn',
  'is_meta',
  'is_xpu',
  'is_mps',
  'is_xla',
  'is_maia',
  'is_vulkan',
]) {
  define(`${name}(Tensor self)`, () => false, 'prim');
}
define('type(any self)', () => 'cpu', 'prim');
define('index(any self)', () => null, 'prim');
define('data(Tensor self)', (_run, x: StridedTensor) => x, 'prim');
define('shape(Tensor self)', (_run, x: StridedTensor) => new PyList([...x.shape]), 'prim');
define('itemsize(Tensor self)', (_run, x: StridedTensor) => x.storage.data.BYTES_PER_ELEMENT, 'prim');
define('unchecked_unwrap_optional(any self)', (_run, value: Value) => value, 'prim');
define('min(any a, any b=None)', (run, a: Value, b: Value) => extreme(run, a, b, (x, y) => x < y), 'prim');
define('max(any a, any b=None)', (run, a: Value, b: Value) => extreme(run, a, b, (x, y) => x > y), 'prim');
define(
  'abs(any a)',
  (_run, a: Value) => (a instanceof PyFloat ? new PyFloat(Math.abs(a.value)) : Math.abs(Number(a))),
  'prim',
);
define(
  'Print(rest values)',
  (run, values: Value[]) => {
    print(run, values);
    return null;
  },
  'prim',
);

function extreme(run: Run, a: Value, b: Value, better: (x: number, y: number) => boolean): Value {
  const items = b === null ? itemsOf(run, a) : [a, b];
  if (items.length === 0) throw invalid('E_RUN_ARGUMENT', 'min() arg is an empty sequence');
  return items.reduce((best, item) => (better(numeric(item), numeric(best)) ? item : best));
}

/** print(): kept, bounded, and shown with the result. */
export function print(run: Run, values: readonly Value[], separator = ' '): void {
  if (run.printed.length >= maxPrintedLines) {
    throw unsupported('E_RUN_PRINT', `The program prints more than ${maxPrintedLines} lines.`);
  }
  run.budget.step();
  run.printed.push(clip(values.map((value) => clip(str(value))).join(separator)));
}
