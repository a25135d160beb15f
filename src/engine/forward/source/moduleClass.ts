import { invalid, unsupported } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { setEntry } from '../values/protocols';
import { StridedTensor } from '../values/stridedTensor';
import {
  Builtin,
  type Keywords,
  type ModuleState,
  PyClass,
  PyDict,
  PyList,
  PyObject,
  PyTuple,
  type Value,
} from '../values/values';

/** torch.nn.Module: the tree of children, parameters and buffers, and the methods that models call on themselves. */

export const moduleClass = new PyClass('Module', [], true);

type Body = (run: Run, self: PyObject, args: readonly Value[], keywords: Keywords) => Value;

/** Adds a method to a class that the executor brings along. */
export function method(type: PyClass, name: string, body: Body): void {
  const value = new Builtin(`${type.name}.${name}`, (run, [self, ...args], keywords) =>
    body(run, self as PyObject, args, keywords),
  );
  type.members.set(name, { value, kind: 'plain' });
}

export function stateOf(object: PyObject): ModuleState {
  if (object.module === undefined) throw invalid('E_RUN_TYPE', `'${object.type.name}' is not an nn.Module`);
  return object.module;
}

/** Tensors that nn.Parameter made. */
const parameters = new WeakSet<StridedTensor>();

export function asParameter(tensor: StridedTensor): StridedTensor {
  // A view of its own, so that the tensor that it was made of stays what it is.
  const parameter = new StridedTensor(tensor.storage, tensor.shape, tensor.strides, tensor.offset);
  parameters.add(parameter);
  return parameter;
}

export function isParameter(value: Value): value is StridedTensor {
  return value instanceof StridedTensor && parameters.has(value);
}

/** How many modules a tree may have. */
const maxModules = 20_000;

/** Every module below one, itself first, with its path; one inside itself is refused. */
export function* walkModules(root: PyObject, run?: Run): Generator<readonly [string, PyObject]> {
  const stack: { readonly path: string; readonly object: PyObject; readonly depth: number }[] = [
    { path: '', object: root, depth: 0 },
  ];
  let count = 0;
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { path, object, depth } = entry;
    run?.budget.step();
    if (depth > 100 || ++count > maxModules) {
      throw invalid('E_MODULE_CYCLE', 'The modules are nested too deep, or one contains itself.');
    }
    yield [path, object];
    for (const [name, child] of [...stateOf(object).modules].reverse()) {
      if (child !== null) stack.push({ path: path === '' ? name : `${path}.${name}`, object: child, depth: depth + 1 });
    }
  }
}

/** `self.name = value` on a module: children, parameters and buffers go where PyTorch puts them. */
export function setModuleAttribute(run: Run, self: PyObject, name: string, value: Value): void {
  const { parameters: own, buffers, modules } = stateOf(self);
  if (isParameter(value)) {
    remove(self, name);
    own.set(name, value);
  } else if (value instanceof PyObject && value.type.isModule) {
    for (const [, inside] of walkModules(value, run)) {
      if (inside === self) {
        throw invalid('E_MODULE_CYCLE', `The module assigned to ${name} contains the module that it is assigned to.`);
      }
    }
    remove(self, name);
    modules.set(name, value);
  } else if (own.has(name)) {
    if (value !== null) {
      throw invalid('E_RUN_TYPE', `cannot assign a value as parameter '${name}' (torch.nn.Parameter or None expected)`);
    }
    own.set(name, null);
  } else if (buffers.has(name) && (value === null || value instanceof StridedTensor)) {
    buffers.set(name, { tensor: value, persistent: buffers.get(name)?.persistent ?? true });
  } else if (modules.has(name) && value === null) modules.set(name, null);
  else self.attributes.set(name, value);
}

function remove(self: PyObject, name: string): void {
  const { parameters: own, buffers, modules } = stateOf(self);
  self.attributes.delete(name);
  own.delete(name);
  buffers.delete(name);
  modules.delete(name);
}

const text = (value: Value | undefined): string => {
  if (typeof value === 'string') return value;
  throw invalid('E_RUN_TYPE', 'a name must be a string');
};

method(moduleClass, '__init__', () => null);
method(moduleClass, 'register_buffer', (_run, self, [name, tensor, persistent], keywords) => {
  const given = keywords.get('tensor') ?? tensor;
  const kept = (keywords.get('persistent') ?? persistent ?? true) !== false;
  self.beforeChange?.();
  remove(self, text(name));
  stateOf(self).buffers.set(text(name), { tensor: given instanceof StridedTensor ? given : null, persistent: kept });
  return null;
});
method(moduleClass, 'register_parameter', (_run, self, [name, value], keywords) => {
  const given = keywords.get('param') ?? value;
  self.beforeChange?.();
  stateOf(self).parameters.set(text(name), given instanceof StridedTensor ? given : null);
  return null;
});
for (const name of ['add_module', 'register_module']) {
  method(moduleClass, name, (run, self, [key, child]) => {
    self.beforeChange?.();
    if (child instanceof PyObject) setModuleAttribute(run, self, text(key), child);
    else stateOf(self).modules.set(text(key), null);
    return null;
  });
}
for (const name of ['eval', 'train', 'to', 'float', 'cpu', 'cuda', 'apply', 'requires_grad_', 'zero_grad', 'compile']) {
  method(moduleClass, name, (_run, self) => self);
}
for (const name of ['register_forward_hook', 'register_forward_pre_hook', 'register_full_backward_hook']) {
  method(moduleClass, name, () => {
    throw unsupported('E_PY_UNSUPPORTED', 'Hooks are not part of the Python that Quantscope runs.');
  });
}
const listOf = (items: Iterable<Value>) => new PyList([...items]);
const pairs = (entries: Iterable<readonly [string, Value]>) => listOf([...entries].map((entry) => new PyTuple(entry)));
const childEntries = (self: PyObject) => [...stateOf(self).modules].filter(([, child]) => child !== null);
method(moduleClass, 'children', (_run, self) => listOf(childEntries(self).map(([, child]) => child)));
method(moduleClass, 'named_children', (_run, self) => pairs(childEntries(self)));
method(moduleClass, 'modules', (run, self) => listOf([...walkModules(self, run)].map(([, module]) => module)));
method(moduleClass, 'named_modules', (run, self) => pairs(walkModules(self, run)));
method(moduleClass, 'parameters', (run, self) => listOf(namedParameters(self, run).values()));
method(moduleClass, 'named_parameters', (run, self) => pairs(namedParameters(self, run)));
method(moduleClass, 'get_submodule', (run, self, [path]) => {
  for (const [name, module] of walkModules(self, run)) if (name === path) return module;
  throw invalid(
    'E_RUN_ATTRIBUTE',
    `AttributeError: ${self.type.name} has no submodule ${JSON.stringify(text(path).slice(0, 80))}`,
  );
});
method(moduleClass, 'state_dict', (run, self) => {
  const dict = new PyDict();
  for (const [name, tensor] of stateEntries(self, run)) setEntry(run, dict, name, tensor);
  return dict;
});

function namedParameters(root: PyObject, run?: Run): Map<string, StridedTensor> {
  const found = new Map<string, StridedTensor>();
  const seen = new Set<StridedTensor>();
  for (const [path, module] of walkModules(root, run)) {
    for (const [name, tensor] of stateOf(module).parameters) {
      if (tensor === null || seen.has(tensor)) continue;
      seen.add(tensor);
      found.set(path === '' ? name : `${path}.${name}`, tensor);
    }
  }
  return found;
}

/** The state dict: parameters and persistent buffers of every module, in PyTorch's order. */
export function stateEntries(root: PyObject, run?: Run): Map<string, StridedTensor> {
  const found = new Map<string, StridedTensor>();
  for (const [path, module] of walkModules(root, run)) {
    const prefix = path === '' ? '' : `${path}.`;
    const { parameters: own, buffers } = stateOf(module);
    for (const [name, tensor] of own) if (tensor !== null) found.set(prefix + name, tensor);
    for (const [name, { tensor, persistent }] of buffers)
      if (tensor !== null && persistent) found.set(prefix + name, tensor);
  }
  return found;
}

/** A module that the executor brings along; its class has this one as base. */
export function nativeClass(name: string, base: PyClass = moduleClass): PyClass {
  return new PyClass(name, [base], true);
}
