import { invalid } from '../../../core/errors';
import { getAttribute, refuseSpecial } from '../interpreter/attributes';
import type { Dialect } from '../interpreter/dialect';
import type { Run } from '../interpreter/run';
import { describeType } from '../values/describe';
import { StridedTensor } from '../values/stridedTensor';
import { PyObject, type Value } from '../values/values';
import { setModuleAttribute } from './moduleClass';

/** `value.name = item` in Python source: on modules as PyTorch does it, on plain objects a field. */
export function setAttribute(run: Run, value: Value, name: string, item: Value): void {
  refuseSpecial(name);
  // Nothing is ever trained here.
  if (value instanceof StridedTensor && name === 'requires_grad') return;
  if (!(value instanceof PyObject))
    throw invalid('E_RUN_ATTRIBUTE', `'${describeType(value)}' object takes no attributes`);
  run.budget.items(value.attributes.size + 1);
  value.beforeChange?.();
  if (value.type.isModule) setModuleAttribute(run, value, name, item);
  else value.attributes.set(name, item);
}

/** The dialect of code that the executor brings along: no global names of its own. */
export const nativeDialect: Dialect = {
  file: 'torch.nn',
  script: false,
  global: () => undefined,
  qualified: () => undefined,
  imported: (statement) => {
    throw invalid('E_PY_IMPORT', `import ${statement.from}: torch.nn imports nothing.`);
  },
  decorate: () => undefined,
  attribute: getAttribute,
  setAttribute,
};
