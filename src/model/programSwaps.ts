import type { Swap } from '../engine/forward/interpreter/swaps';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import type { Model } from './openModel';
import { planQuantization } from './quantizePlan';

/** The modules of an archive that a spec quantizes, as the executor takes them: by path from the file's root. */
export function planSwaps(model: Model, spec: QuantizeSpecDto): Map<string, Swap> {
  const { qconfigs } = planQuantization(model.tree, spec);
  return new Map([...qconfigs].map(([path, qconfig]) => [path, { path, engine: spec.engine, qconfig }]));
}
