import type { Swap } from '../engine/forward/interpreter/swaps';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import type { Model } from './openModel';
import { planQuantization } from './quantizePlan';

/** The modules that a spec quantizes, as the executor takes them: by path, below the model's root. */
export function planSwaps(model: Model, spec: QuantizeSpecDto): Map<string, Swap> {
  const { qconfigs } = planQuantization(model.root, spec);
  const prefix = model.root.path === '' ? '' : `${model.root.path}.`;
  return new Map(
    [...qconfigs].map(([path, qconfig]) => [path.slice(prefix.length), { path, engine: spec.engine, qconfig }]),
  );
}
