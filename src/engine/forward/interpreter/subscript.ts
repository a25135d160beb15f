import { invalid } from '../../../core/errors';
import { fromValues } from '../operators/creation';
import { index, indexPut } from '../operators/indexing';
import { select, slice, unsqueeze } from '../operators/shape';
import { expand } from '../values/broadcast';
import { describeType } from '../values/describe';
import { containerItems, isModuleContainer, keyOf, sequenceIndex, setEntry, slicePositions } from '../values/protocols';
import { dense, emptyTensor, onlyElement, StridedTensor, scatter, tensorOf } from '../values/stridedTensor';
import { ellipsis, PyDict, PyFloat, PyList, PyObject, PyRange, PySlice, PyTuple, type Value } from '../values/values';
import type { Run } from './run';

/** `value[index]` and `value[index] = …` of everything that has them. */

export function getItem(run: Run, value: Value, at: Value): Value {
  if (value instanceof StridedTensor) return indexTensor(run, value, at);
  if (value instanceof PyList || value instanceof PyTuple) {
    const { items } = value;
    if (!(at instanceof PySlice))
      return items[sequenceIndex(at, items.length, value instanceof PyList ? 'list' : 'tuple')];
    const chosen = slicePositions(items.length, at.start, at.stop, at.step).map((i) => items[i]);
    run.budget.items(chosen.length);
    return value instanceof PyList ? new PyList(chosen) : new PyTuple(chosen);
  }
  if (value instanceof PyDict) {
    const found = value.entries.get(keyOf(at));
    if (found === undefined) throw invalid('E_RUN_KEY', `KeyError: ${describeKey(at)}`);
    return found[1];
  }
  if (typeof value === 'string') {
    if (!(at instanceof PySlice)) return value[sequenceIndex(at, value.length, 'string')];
    return slicePositions(value.length, at.start, at.stop, at.step)
      .map((i) => value[i])
      .join('');
  }
  if (value instanceof PyRange) return value.start + sequenceIndex(at, value.length, 'range') * value.step;
  if (value instanceof PyObject && isModuleContainer(value)) return containerItem(run, value, at);
  throw invalid('E_RUN_TYPE', `'${describeType(value)}' object is not subscriptable`);
}

function describeKey(key: Value): string {
  return typeof key === 'string' ? JSON.stringify(key.slice(0, 80)) : describeType(key);
}

function containerItem(run: Run, object: PyObject, at: Value): Value {
  if (typeof at === 'string') {
    const found = object.module?.modules.get(at);
    if (found === undefined) throw invalid('E_RUN_KEY', `KeyError: ${describeKey(at)}`);
    return found;
  }
  const items = containerItems(object);
  if (!(at instanceof PySlice)) return items[sequenceIndex(at, items.length, 'list')];
  const part = new PyObject(object.type);
  for (const [i, position] of slicePositions(items.length, at.start, at.stop, at.step).entries()) {
    run.budget.step();
    part.module?.modules.set(String(i), items[position] as PyObject);
  }
  return part;
}

/** The view that basic indices give, and what is left for advanced ones. */
interface Indexed {
  readonly view: StridedTensor;
  readonly advanced: readonly (StridedTensor | null)[];
}

function resolve(run: Run, tensor: StridedTensor, at: Value): Indexed {
  const given: readonly Value[] = at instanceof PyTuple ? at.items : [at];
  const consumed = given.reduce((sum: number, one) => sum + dimensionsOf(one), 0);
  if (consumed > tensor.rank) throw invalid('E_RUN_INDEX', `too many indices for tensor of dimension ${tensor.rank}`);
  let view = tensor;
  let d = 0;
  const advanced: (StridedTensor | null)[] = [];
  const keep = () => {
    advanced.push(null);
    d++;
  };
  for (const one of given) {
    if (one === ellipsis) for (let i = consumed; i < tensor.rank; i++) keep();
    else if (one === null) {
      view = unsqueeze(view, d);
      keep();
    } else if (one instanceof PySlice) {
      const [start, stop, step] = [one.start, one.stop, one.step].map(wholeOrNull);
      view = slice(view, d, start, stop, step ?? 1);
      keep();
    } else if (typeof one === 'number') view = select(view, d, one);
    else if (one instanceof StridedTensor && one.rank === 0 && one.type !== 'bool')
      view = select(view, d, onlyElement(one));
    else {
      let chosen: StridedTensor;
      if (typeof one === 'boolean') {
        view = unsqueeze(view, d);
        chosen = tensorOf(run.budget, 'bool', [Number(one)], [1]);
      } else chosen = one instanceof StridedTensor ? one : fromValues(run, one, null);
      advanced.push(chosen);
      d += chosen.type === 'bool' || chosen.type === 'uint8' ? chosen.rank : 1;
    }
  }
  return { view, advanced: advanced.some((one) => one !== null) ? advanced : [] };
}

function dimensionsOf(one: Value): number {
  if (one === null || one === ellipsis || typeof one === 'boolean') return 0;
  return one instanceof StridedTensor && one.type === 'bool' ? one.rank : 1;
}

function wholeOrNull(value: Value): number | null {
  if (value === null || typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof StridedTensor && value.count === 1) return onlyElement(value);
  throw invalid('E_RUN_TYPE', 'slice indices must be integers or None or have an __index__ method');
}

function indexTensor(run: Run, tensor: StridedTensor, at: Value): StridedTensor {
  const { view, advanced } = resolve(run, tensor, at);
  return advanced.length === 0 ? view : index(run, view, advanced);
}

/** `value[at] = item`; on a tensor it writes through the view. */
export function setItem(run: Run, value: Value, at: Value, item: Value): void {
  if (value instanceof StridedTensor) setTensorItem(run, value, at, item);
  else if (value instanceof PyList) {
    if (at instanceof PySlice) throw invalid('E_RUN_TYPE', 'Assigning to a slice of a list is not part of the subset.');
    value.items[sequenceIndex(at, value.items.length, 'list')] = item;
  } else if (value instanceof PyDict) setEntry(run, value, at, item);
  else if (value instanceof PyObject && isModuleContainer(value) && item instanceof PyObject) {
    const { modules } = value.module as NonNullable<PyObject['module']>;
    const name = typeof at === 'string' ? at : String(sequenceIndex(at, modules.size, 'list'));
    value.beforeChange?.();
    modules.set(name, item);
  } else throw invalid('E_RUN_TYPE', `'${describeType(value)}' object does not support item assignment`);
}

function setTensorItem(run: Run, tensor: StridedTensor, at: Value, item: Value): void {
  const { view, advanced } = resolve(run, tensor, at);
  const source = item instanceof StridedTensor ? item : scalarSource(run, view, item);
  if (advanced.length > 0) {
    indexPut(run, view, advanced, source, false);
    return;
  }
  let target = source;
  while (target.rank > view.rank && target.shape[0] === 1) target = select(target, 0, 0);
  scatter(run.budget, view, dense(run.budget, expand(target, view.shape)));
}

function scalarSource(run: Run, view: StridedTensor, item: Value): StridedTensor {
  const number =
    item instanceof PyFloat
      ? item.value
      : typeof item === 'number' || typeof item === 'boolean'
        ? Number(item)
        : undefined;
  if (number === undefined) return fromValues(run, item, view.dtype);
  const source = emptyTensor(run.budget, 'float64', []);
  source.storage.data[0] = number;
  return source;
}
