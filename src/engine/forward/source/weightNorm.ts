import { invalid, unsupported } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { findOperator } from '../operators/table';
import { dimension } from '../values/broadcast';
import { emptyTensor, StridedTensor } from '../values/stridedTensor';
import { noKeywords, type PyObject } from '../values/values';
import { asParameter, stateOf } from './moduleClass';

/** torch.nn.utils.weight_norm: a weight as the direction `…_v` and the length `…_g`, put together at every call. */

/** Dimension whose slices have a length each, by the weight's name. */
const normed = new WeakMap<PyObject, Map<string, number>>();

export function weightNorm(run: Run, module: PyObject, name: string, dim: number | null): PyObject {
  const { parameters } = stateOf(module);
  const weight = parameters.get(name);
  if (!(weight instanceof StridedTensor))
    throw invalid('E_RUN_ATTRIBUTE', `weight_norm: the module has no parameter ${JSON.stringify(name.slice(0, 80))}`);
  if (dim === null)
    throw unsupported('E_PY_UNSUPPORTED', 'weight_norm over a whole weight (dim=None) is not supported.');
  const d = dimension(dim, weight.rank);
  const lengths = weight.shape.map((size, i) => (i === d ? size : 1));
  module.beforeChange?.();
  parameters.delete(name);
  parameters.set(`${name}_g`, asParameter(emptyTensor(run.budget, weight.type, lengths)));
  parameters.set(`${name}_v`, weight);
  // Initialisers read it before the first call.
  module.attributes.set(name, weight);
  normed.set(module, (normed.get(module) ?? new Map<string, number>()).set(name, d));
  return module;
}

/** Puts the weights of a layer together for the call that comes. */
export function composeWeights(run: Run, module: PyObject): void {
  const names = normed.get(module);
  if (names === undefined) return;
  module.beforeChange?.();
  const { parameters } = stateOf(module);
  for (const [name, dim] of names) {
    const [v, g] = [parameters.get(`${name}_v`) ?? null, parameters.get(`${name}_g`) ?? null];
    const weight = findOperator('torch', '_weight_norm')?.call(run, [v, g, dim], noKeywords);
    if (!(weight instanceof StridedTensor)) continue;
    // It lasts for one call: no kernel may keep it.
    weight.storage.packed = 'stale';
    module.attributes.set(name, weight);
  }
}
