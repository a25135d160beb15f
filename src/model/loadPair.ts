import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import { dynamicTwin } from '../engine/nn/dynamicTwin';
import type { DynamicModule, RunnableModule } from '../engine/nn/module';
import type { QuantizedEngine } from '../engine/quantization/engines';
import type { QConfigName } from '../engine/quantization/qconfigs';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { type LoadedTree, loadTree } from './loadTree';
import type { ModuleNode } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { planQuantization, type QuantizePlan } from './quantizePlan';

/** A module in float and as quantize_dynamic leaves it, both ready to run. */
export interface LoadedPair {
  readonly tree: LoadedTree;
  readonly plan: QuantizePlan<ModelTensor>;
  readonly float: RunnableModule;
  readonly quantized: RunnableModule;
  /** The modules that were replaced, by path. */
  readonly dynamics: ReadonlyMap<string, DynamicModule>;
}

/** The spec under which one module is compared: its own type even where PyTorch's default leaves it out. */
export function comparisonSpec(
  node: ModuleNode,
  { engine, perChannel }: Pick<QuantizeSpecDto, 'engine' | 'perChannel'>,
): QuantizeSpecDto {
  const one = node.children.length === 0 || node.kind?.type === 'LinearReLU';
  const modules = node.kind !== undefined && one ? [node.kind.type] : null;
  return { engine, dtype: 'qint8', perChannel, modules, exclude: [] };
}

/** E_NOT_QUANTIZABLE where the spec replaces nothing. */
export async function loadPair(
  model: Model,
  node: ModuleNode<ModelTensor>,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
): Promise<LoadedPair> {
  const plan = planQuantization(node, spec);
  if (plan.quantized.size === 0) {
    const reason = plan.skipped.find(({ path }) => path === node.path)?.reason ?? 'nothing in it is quantized';
    throw invalid('E_NOT_QUANTIZABLE', `${node.path || node.type} cannot be compared with int8: ${reason}.`);
  }
  const tree = await loadTree(model, node, abort);
  const dynamics = dynamicModules(tree, plan.qconfigs, spec.engine);
  return { tree, plan, float: tree.assemble(), quantized: tree.assemble(dynamics), dynamics };
}

/** The dynamic twins of the modules that have a qconfig. */
export function dynamicModules(
  { quantizable }: LoadedTree,
  qconfigs: ReadonlyMap<string, QConfigName>,
  engine: QuantizedEngine,
): Map<string, DynamicModule> {
  const dynamics = new Map<string, DynamicModule>();
  for (const [path, qconfig] of qconfigs) {
    const module = quantizable.get(path);
    const twin = module && dynamicTwin(module, path, engine, qconfig);
    if (twin !== undefined) dynamics.set(path, twin);
  }
  return dynamics;
}
