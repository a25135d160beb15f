import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { DynamicModule, RunnableModule } from '../engine/nn/module';
import type { QuantizeSpecDto } from '../protocol/dto';
import { type LoadedTree, loadTree } from './loadTree';
import type { ModuleNode } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { planQuantization, type QuantizePlan, staysFloat } from './quantizePlan';

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
  const modules = node.kind !== undefined && node.children.length === 0 ? [node.kind.type] : null;
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
    const reason = (node.kind && staysFloat(node.kind, spec.modules ?? undefined)) ?? 'nothing in it is quantized';
    throw invalid('E_NOT_QUANTIZABLE', `${node.path || node.type} cannot be compared with int8: ${reason}.`);
  }
  const tree = await loadTree(model, node, abort);
  const dynamics = dynamicModules(tree, [...plan.quantized.keys()], spec);
  return { tree, plan, float: tree.assemble(), quantized: tree.assemble(dynamics), dynamics };
}

/** The dynamic twins of some modules of a tree. */
export function dynamicModules(
  { quantizable }: LoadedTree,
  paths: readonly string[],
  { engine, perChannel }: Pick<QuantizeSpecDto, 'engine' | 'perChannel'>,
): Map<string, DynamicModule> {
  const dynamics = new Map<string, DynamicModule>();
  for (const path of paths) {
    const module = quantizable.get(path);
    if (module !== undefined)
      dynamics.set(path, module.toDynamic(path, engine, perChannel ? 'per_channel' : 'per_tensor'));
  }
  return dynamics;
}
