import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { clone, StridedTensor } from '../values/stridedTensor';
import { PyDict, PyList, PyObject, PyTuple, type Value } from '../values/values';
import { copyConfig } from './layer';
import { asParameter, isParameter } from './moduleClass';

/** copy.deepcopy of modules and of what they hold: the same inside stays the same inside. */
export function deepCopy(run: Run, value: Value, memo = new Map<Value, Value>(), depth = 0): Value {
  if (typeof value !== 'object' || value === null) return value;
  const known = memo.get(value);
  if (known !== undefined) return known;
  if (depth > 100) throw invalid('E_RUN_DEPTH', 'deepcopy of something nested deeper than 100 levels');
  run.budget.step();
  const copy = (inner: Value): Value => deepCopy(run, inner, memo, depth + 1);
  const keep = <T extends Value>(made: T): T => {
    memo.set(value, made);
    return made;
  };
  if (value instanceof StridedTensor) {
    const made = clone(run.budget, value);
    return keep(isParameter(value) ? asParameter(made) : made);
  }
  if (value instanceof PyList) {
    const list = keep(new PyList([]));
    for (const item of value.items) list.items.push(copy(item));
    return list;
  }
  if (value instanceof PyTuple) return keep(new PyTuple(value.items.map(copy), value.names, value.typeName));
  if (value instanceof PyDict) {
    const dict = keep(new PyDict());
    for (const [key, [name, item]] of value.entries) dict.entries.set(key, [name, copy(item)]);
    return dict;
  }
  return value instanceof PyObject ? copyObject(value, keep(new PyObject(value.type)), copy) : value;
}

function copyObject(from: PyObject, to: PyObject, copy: (value: Value) => Value): PyObject {
  for (const [name, item] of from.attributes) to.attributes.set(name, copy(item));
  copyConfig(from, to);
  if (from.module !== undefined && to.module !== undefined) {
    for (const [name, tensor] of from.module.parameters)
      to.module.parameters.set(name, copy(tensor) as StridedTensor | null);
    for (const [name, { tensor, persistent }] of from.module.buffers) {
      to.module.buffers.set(name, { tensor: copy(tensor) as StridedTensor | null, persistent });
    }
    for (const [name, child] of from.module.modules) to.module.modules.set(name, copy(child) as PyObject | null);
  }
  return to;
}
