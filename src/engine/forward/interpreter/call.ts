import { unsupported } from '../../../core/errors';
import { describeType } from '../values/describe';
import { BoundMethod, Callable, type Keywords, PyClass, PyObject, type Value } from '../values/values';
import type { Dialect } from './dialect';
import type { Run } from './run';

/** Calls: of functions, of classes (which make objects), and of modules (which run their forward). */

export function callValue(run: Run, dialect: Dialect, value: Value, args: readonly Value[], keywords: Keywords): Value {
  if (value instanceof Callable) return value.call(run, args, keywords);
  if (value instanceof PyClass) return construct(run, value, args, keywords);
  if (value instanceof PyObject && value.type.isModule)
    return callMethod(run, dialect, value, 'forward', args, keywords);
  throw unsupported('E_RUN_CALL', `'${describeType(value)}' object is not callable`);
}

/** Only `__init__` is ever run of a class's special methods. */
export function construct(run: Run, type: PyClass, args: readonly Value[], keywords: Keywords): Value {
  run.budget.step();
  if (type.construct !== undefined) return type.construct(run, args, keywords);
  const object = new PyObject(type);
  const init = type.find('__init__')?.value;
  if (init instanceof Callable) init.call(run, [object, ...args], keywords);
  return object;
}

/** `object.name(…)`; a module's forward is entered on the stack of running modules. */
export function callMethod(
  run: Run,
  dialect: Dialect,
  self: Value,
  name: string,
  args: readonly Value[],
  keywords: Keywords,
): Value {
  if (self instanceof PyObject && self.type.isModule) {
    const member = self.attributes.has(name) ? undefined : self.type.find(name);
    if (member?.kind === 'plain' && member.value instanceof Callable) {
      run.modules.push(self);
      try {
        return member.value.call(run, [self, ...args], keywords);
      } finally {
        run.modules.pop();
      }
    }
  }
  const method = dialect.attribute(run, self, name);
  if (method instanceof BoundMethod) return method.method.call(run, [method.self, ...args], keywords);
  return callValue(run, dialect, method, args, keywords);
}
