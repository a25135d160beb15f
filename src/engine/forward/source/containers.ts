import { invalid } from '../../../core/errors';
import { callMethod } from '../interpreter/call';
import type { Run } from '../interpreter/run';
import { itemsOf } from '../operators/script';
import { StridedTensor } from '../values/stridedTensor';
import { type PyClass, PyDict, PyList, PyObject, PyTuple, type Value } from '../values/values';
import { nnClasses } from './layer';
import { asParameter, method, nativeClass, setModuleAttribute, stateOf } from './moduleClass';
import { nativeDialect } from './nativeDialect';

/** Sequential, ModuleList, ModuleDict and ParameterList: what they hold is their tree. */

function container(name: string, kind: 'list' | 'dict'): PyClass {
  const type = nativeClass(name);
  type.members.set('__container__', { value: kind, kind: 'plain' });
  nnClasses.set(name, type);
  return type;
}

function child(value: Value): PyObject {
  if (value instanceof PyObject && value.type.isModule) return value;
  throw invalid('E_RUN_TYPE', 'a container of modules takes modules only');
}

function addAll(run: Run, self: PyObject, entries: Iterable<readonly [Value, Value]>): null {
  self.beforeChange?.();
  for (const [name, value] of entries) {
    run.budget.items(stateOf(self).modules.size + 1);
    setModuleAttribute(run, self, String(name), child(value));
  }
  return null;
}

const numbered = (self: PyObject, items: readonly Value[]) =>
  items.map((item, i) => [stateOf(self).modules.size + i, item] as const);

const sequential = container('Sequential', 'list');
method(sequential, '__init__', (run, self, args) => {
  const [only] = args;
  return addAll(run, self, only instanceof PyDict ? only.entries.values() : numbered(self, args));
});
method(sequential, 'forward', (run, self, [x]) => {
  let value = x;
  for (const one of stateOf(self).modules.values()) {
    run.budget.step();
    if (one !== null) value = callMethod(run, nativeDialect, one, 'forward', [value], new Map());
  }
  return value;
});

const list = container('ModuleList', 'list');
method(list, '__init__', (run, self, [items]) =>
  items === undefined || items === null ? null : addAll(run, self, numbered(self, itemsOf(run, items))),
);
for (const type of [list, sequential]) {
  method(type, 'append', (run, self, [item]) => addAll(run, self, numbered(self, [item])) ?? self);
  method(type, 'extend', (run, self, [items]) => addAll(run, self, numbered(self, itemsOf(run, items))) ?? self);
}

const dict = container('ModuleDict', 'dict');
for (const name of ['__init__', 'update']) {
  method(dict, name, (run, self, [items]) => {
    if (items === undefined || items === null) return null;
    if (items instanceof PyDict) return addAll(run, self, items.entries.values());
    return addAll(
      run,
      self,
      itemsOf(run, items).map((pair) => [(pair as PyTuple).items[0], (pair as PyTuple).items[1]] as const),
    );
  });
}
method(dict, 'keys', (_run, self) => new PyList([...stateOf(self).modules.keys()]));
method(dict, 'values', (_run, self) => new PyList([...stateOf(self).modules.values()]));
method(dict, 'items', (_run, self) => new PyList([...stateOf(self).modules].map((entry) => new PyTuple(entry))));

const parameterList = container('ParameterList', 'list');
const addParameter = (self: PyObject, item: Value) => {
  const { parameters } = stateOf(self);
  self.beforeChange?.();
  if (item instanceof StridedTensor) parameters.set(String(parameters.size), asParameter(item));
};
method(parameterList, '__init__', (run, self, [items]) => {
  if (items !== undefined && items !== null) for (const item of itemsOf(run, items)) addParameter(self, item);
  return null;
});
method(parameterList, 'append', (_run, self, [item]) => {
  addParameter(self, item);
  return self;
});
