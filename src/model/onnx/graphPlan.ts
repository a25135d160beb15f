import type { QConfigName } from '../../engine/quantization/qconfigs';
import { weightForms } from '../../engine/quantization/qconfigs';
import { scopedNode } from '../../formats/onnx/scopes';
import type { OnnxGraph, OnnxNode, OnnxTensor } from '../../formats/onnx/types';
import type { QuantizeSpecDto, SkippedModuleDto } from '../../protocol/quantizeDto';
import type { ModuleNode } from '../moduleTree';
import { type Model, type ModelTensor, ownerOf } from '../openModel';
import { type Choice, choices } from '../qconfigSpec';
import { type QuantizePlan, sizesAfter } from '../quantizePlan';
import { constantWeights, quantizableOperators } from './constantWeights';

/** A node of the main graph whose constant weights can become codes. */
export interface GraphUnit {
  /** Place of the node in the graph. */
  readonly index: number;
  readonly node: OnnxNode;
  /** The module of the tree that its first weight belongs to. */
  readonly module: ModuleNode<ModelTensor>;
  readonly weights: readonly string[];
}

/** What onnxruntime's quantize_dynamic would do to the main graph of an ONNX file. */
export interface GraphPlan extends QuantizePlan<ModelTensor> {
  /** What each node gets, by its place; the others stay as they are. */
  readonly nodes: ReadonlyMap<number, QConfigName>;
  readonly units: readonly GraphUnit[];
}

/** Why a node stays as it is under any other qconfig. */
export const int8Only = 'ONNX Runtime quantizes to int8 only';

const floatTypes: ReadonlySet<number> = new Set([1, 10]);

/** Initializers that are float32 or float16, by name. */
export function floatConstants({ initializers }: OnnxGraph): Map<string, OnnxTensor> {
  return new Map(initializers.filter(({ dataType }) => floatTypes.has(dataType)).map((one) => [one.name, one]));
}

/**
 * Which nodes become dynamically quantized ones. A node is chosen by its operator or its module's
 * type, and by any of its names: its own, its module's, its weights'. Without a choice of types
 * every operator that quantize_dynamic knows is taken.
 */
export function planGraph(model: Model, graph: OnnxGraph, spec: QuantizeSpecDto): GraphPlan {
  const constants = floatConstants(graph);
  const choose = choices({ ...spec, modules: spec.modules ?? quantizableOperators });
  const units: GraphUnit[] = [];
  const nodes = new Map<number, QConfigName>();
  const quantized = new Map<string, ModuleNode<ModelTensor>>();
  const qconfigs = new Map<string, QConfigName>();
  const weights = new Map<string, QConfigName>();
  const skipped: SkippedModuleDto[] = [];
  for (const [index, node] of graph.nodes.entries()) {
    const found = constantWeights(node, (name) => constants.get(name));
    if (found === undefined) continue;
    const { path } = scopedNode(node, index, '');
    const module = 'names' in found ? ownerOf(model, found.names[0]) : undefined;
    if ('reason' in found || module === undefined) {
      const reason = 'reason' in found ? found.reason : 'its weight belongs to no module';
      skipped.push({ path, type: node.opType, reason });
      continue;
    }
    units.push({ index, node, module, weights: found.names });
    const choice = choose(node.opType, module.path, { types: [module.type], names: [path, node.name, ...found.names] });
    const reason = reasonOf(choice);
    if (reason !== undefined || choice.qconfig === undefined) {
      skipped.push({ path: module.path, type: node.opType, reason: reason ?? '' });
      continue;
    }
    nodes.set(index, choice.qconfig);
    quantized.set(module.path, module);
    qconfigs.set(module.path, choice.qconfig);
    for (const name of found.names) weights.set(name, choice.qconfig);
  }
  return {
    nodes,
    units,
    quantized,
    qconfigs,
    weights: new Set(weights.keys()),
    halfStorage: false,
    skipped,
    bytesAfter: sizesAfter(model.tree, weights, false),
    candidates: new Set(units.map(({ module }) => module.path)),
  };
}

/** Bytes of the file and of the weights that it keeps in others. */
export function graphBytes(model: Model, { initializers }: OnnxGraph): number {
  const outside = initializers.filter(({ dataLocation }) => dataLocation === 1);
  return outside.reduce((sum, { name }) => sum + (model.tensors.get(name)?.bytes ?? 0), model.file.bytes);
}

function reasonOf(choice: Choice): string | undefined {
  if (choice.qconfig === undefined) return choice.reason;
  return weightForms[choice.qconfig].kind === 'int8' ? undefined : int8Only;
}
