import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import { dynamicTwin } from '../engine/nn/dynamicTwin';
import type { DynamicModule, RunnableModule } from '../engine/nn/module';
import type { QuantizedEngine } from '../engine/quantization/engines';
import type { QConfigName } from '../engine/quantization/qconfigs';
import type { ForwardRequestDto } from '../protocol/forwardDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { type LoadedTree, loadTree } from './loadTree';
import { type ModuleNode, walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { defaultSpec } from './qconfigSpec';
import { planQuantization, type QuantizePlan } from './quantizePlan';
import { storedTwins } from './storedTwin';

/** A module in float and as quantize_dynamic leaves it, both ready to run. */
export interface LoadedPair {
  readonly tree: LoadedTree;
  readonly plan: QuantizePlan<ModelTensor>;
  readonly float: RunnableModule;
  readonly quantized: RunnableModule;
  /** The file holds quantized modules: `quantized` has those and no others, `float` what their codes stand for. */
  readonly stored: boolean;
  /** Bytes of both; what is quantized in the file counts as float32 in the first. */
  readonly floatBytes: number;
  readonly quantizedBytes: number;
  /** The modules that were replaced, by path. */
  readonly dynamics: ReadonlyMap<string, DynamicModule>;
}

/**
 * The spec under which one module is compared: the request's where it quantizes something of it,
 * else the module's own type, even where PyTorch's default leaves it out.
 */
export function comparisonSpec(
  node: ModuleNode<ModelTensor>,
  { engine, perChannel, spec }: Pick<ForwardRequestDto, 'engine' | 'perChannel' | 'spec'>,
): QuantizeSpecDto {
  if (spec !== undefined && planQuantization(node, spec).quantized.size > 0) return spec;
  const one = node.children.length === 0 || node.kind?.type === 'LinearReLU';
  const modules = node.kind !== undefined && one ? [node.kind.type] : null;
  return { ...defaultSpec(engine, perChannel), modules };
}

/** E_NOT_QUANTIZABLE where the spec replaces nothing. */
export async function loadPair(
  model: Model,
  node: ModuleNode<ModelTensor>,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
): Promise<LoadedPair> {
  const plan = planQuantization(node, spec);
  const twins = storedTwins(node);
  if (plan.quantized.size === 0 && twins.length === 0) {
    const reason = plan.skipped.find(({ path }) => path === node.path)?.reason ?? 'nothing in it is quantized';
    throw invalid('E_NOT_QUANTIZABLE', `${node.path || node.type} cannot be compared with int8: ${reason}.`);
  }
  const tree = await loadTree(model, node, abort);
  const stored = twins.length > 0;
  const qconfigs = stored
    ? new Map(twins.map((path): [string, QConfigName] => [path, 'default_dynamic']))
    : plan.qconfigs;
  const dynamics = dynamicModules(tree, qconfigs, spec.engine);
  return {
    tree,
    plan,
    float: tree.assemble(),
    quantized: tree.assemble(dynamics),
    stored,
    floatBytes: stored ? floatBytes(node) : node.bytes,
    quantizedBytes: stored ? node.bytes : (plan.bytesAfter.get(node.path) ?? node.bytes),
    dynamics,
  };
}

function floatBytes(node: ModuleNode<ModelTensor>): number {
  let bytes = 0;
  for (const { tensors } of walk(node))
    for (const { qscheme, numel, bytes: own } of tensors) bytes += qscheme === undefined ? own : 4 * numel;
  return bytes;
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
