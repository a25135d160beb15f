import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { describeType } from './describe';
import { onlyElement, StridedTensor } from './stridedTensor';
import {
  Callable,
  DTypeValue,
  PyClass,
  PyDict,
  PyFloat,
  PyList,
  PyObject,
  PyRange,
  PySet,
  PyTuple,
  type Value,
} from './values';

/** What every kind of value can be asked: is it true, how long is it, what does it iterate over, what is its key. */

export function truthy(value: Value): boolean {
  if (value === null || value === false || value === 0 || value === '') return false;
  if (value instanceof PyFloat) return value.value !== 0;
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length > 0;
  if (value instanceof PyDict || value instanceof PySet) return value.entries.size > 0;
  if (value instanceof PyRange) return value.length > 0;
  if (value instanceof StridedTensor) {
    if (value.count !== 1) {
      throw invalid('E_RUN_TYPE', 'Boolean value of Tensor with more than one value is ambiguous');
    }
    return onlyElement(value) !== 0;
  }
  if (value instanceof PyObject && isModuleContainer(value)) return containerItems(value).length > 0;
  return true;
}

/** Sequential, ModuleList and ModuleDict behave as containers; ParameterList too. */
export function isModuleContainer({ type }: PyObject): boolean {
  return type.find('__container__') !== undefined;
}

/** The children of a container module, in order. */
export function containerItems(object: PyObject): Value[] {
  const { modules, parameters } = object.module ?? { modules: new Map(), parameters: new Map() };
  return modules.size > 0 ? [...modules.values()] : [...parameters.values()];
}

export function length(value: Value): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length;
  if (value instanceof PyDict || value instanceof PySet) return value.entries.size;
  if (value instanceof PyRange) return value.length;
  if (value instanceof StridedTensor) {
    if (value.rank === 0) throw invalid('E_RUN_TYPE', 'len() of a 0-d tensor');
    return value.shape[0];
  }
  if (value instanceof PyObject && isModuleContainer(value)) return containerItems(value).length;
  throw invalid('E_RUN_TYPE', `object of type '${describeType(value)}' has no len()`);
}

/** The rows of a tensor, by index: given by the operators, which are above this file. */
export type SelectRow = (tensor: StridedTensor, index: number) => StridedTensor;

/** The items of an iterable, lazily: a range is never made into a list. */
export function* iterate(run: Run, value: Value, row: SelectRow): Generator<Value> {
  if (value instanceof PyRange) {
    const { start, step, length: count } = value;
    for (let i = 0; i < count; i++) yield start + i * step;
  } else if (value instanceof PyList) {
    // The list may grow while it is walked, as in Python.
    for (let i = 0; i < value.items.length; i++) yield value.items[i];
  } else if (value instanceof PyTuple) yield* value.items;
  else if (value instanceof PyDict) for (const [key] of value.entries.values()) yield key;
  else if (value instanceof PySet) yield* value.entries.values();
  else if (typeof value === 'string') yield* value;
  else if (value instanceof StridedTensor) {
    if (value.rank === 0) throw invalid('E_RUN_TYPE', 'iteration over a 0-d tensor');
    for (let i = 0; i < value.shape[0]; i++) {
      run.budget.step();
      yield row(value, i);
    }
  } else if (value instanceof PyObject && isModuleContainer(value)) {
    yield* value.type.find('__container__')?.value === 'dict'
      ? (value.module?.modules.keys() ?? [])
      : containerItems(value);
  } else throw invalid('E_RUN_TYPE', `'${describeType(value)}' object is not iterable`);
}

/** The text or object under which a dict keeps a key. */
export function keyOf(value: Value): string | PyObject | Callable | PyClass {
  if (typeof value === 'string') return `s${value}`;
  if (typeof value === 'number' || typeof value === 'boolean') return `n${Number(value)}`;
  if (value instanceof PyFloat) return `n${value.value}`;
  if (value === null) return 'None';
  if (value instanceof PyTuple) {
    const parts = value.items.map(keyOf);
    if (parts.every((part) => typeof part === 'string')) return `t${JSON.stringify(parts)}`;
  }
  if (value instanceof DTypeValue) return `d${value.dtype}`;
  if (value instanceof PyObject || value instanceof Callable || value instanceof PyClass) return value;
  throw invalid('E_RUN_TYPE', `unhashable type: '${describeType(value)}'`);
}

export function setEntry(run: Run, dict: PyDict, key: Value, value: Value): void {
  run.budget.items(dict.entries.size + 1);
  dict.entries.set(keyOf(key), [key, value]);
}

export function dictOf(run: Run, entries: Iterable<readonly [Value, Value]>): PyDict {
  const dict = new PyDict();
  for (const [key, value] of entries) setEntry(run, dict, key, value);
  return dict;
}

/** A Python index into a sequence of this length. */
export function sequenceIndex(index: Value, size: number, what: string): number {
  const number = index instanceof StridedTensor && index.count === 1 ? onlyElement(index) : index;
  if (typeof number !== 'number' && typeof number !== 'boolean') {
    throw invalid('E_RUN_TYPE', `${what} indices must be integers or slices, not ${describeType(index)}`);
  }
  const at = Number(number) < 0 ? Number(number) + size : Number(number);
  if (!(at >= 0 && at < size))
    throw invalid('E_RUN_INDEX', `${what} index out of range`, { found: String(number), expected: `below ${size}` });
  return at;
}

/** Positions that a slice takes of a sequence. */
export function slicePositions(size: number, start: Value, stop: Value, step: Value): number[] {
  const by = step === null ? 1 : Number(step);
  if (!Number.isInteger(by) || by === 0) throw invalid('E_RUN_INDEX', 'slice step cannot be zero');
  const bound = (value: Value, fallback: number, low: number, high: number) => {
    if (value === null) return fallback;
    const number = value instanceof StridedTensor ? onlyElement(value) : Number(value);
    return Math.min(Math.max(number < 0 ? number + size : number, low), high);
  };
  const positions: number[] = [];
  if (by > 0) {
    const end = bound(stop, size, 0, size);
    for (let i = bound(start, 0, 0, size); i < end; i += by) positions.push(i);
  } else {
    const end = bound(stop, -1, -1, size - 1);
    for (let i = bound(start, size - 1, -1, size - 1); i > end; i += by) positions.push(i);
  }
  return positions;
}
