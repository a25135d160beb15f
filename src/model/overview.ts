import { type QConfigName, weightForms } from '../engine/quantization/qconfigs';
import type { ModuleTypeDto, OverviewDto, TileDto } from '../protocol/modelDto';
import type { QuantizeSpecDto, SkippedModuleDto } from '../protocol/quantizeDto';
import { type ModuleNode, packedTensors, storedAs, walk } from './moduleTree';
import { type GraphPlan, graphBytes, planGraph } from './onnx/graphPlan';
import type { Model, ModelTensor } from './openModel';
import { cannotTake } from './qconfigSpec';
import { plannedSize, quantizedStateDict, type Replacement, stateModules, storedForm } from './quantizedFile';
import { isQuantizedWeight, planQuantization, type QuantizePlan } from './quantizePlan';

/** More tiles than this cannot be told apart. */
const maxTiles = 300;

/** Paths of each kind that a sentence may name. */
const maxPaths = 6;

/** Where the bytes are, and what the spec would do with them; from names and shapes alone, so it costs nothing. */
export function modelOverview(model: Model, spec: QuantizeSpecDto): OverviewDto {
  const { root } = model;
  const graph = model.file.onnx?.graph;
  const graphPlan = graph && planGraph(model, graph, spec);
  const plan = graphPlan ?? planQuantization(root, spec);
  const all = [...walk(root)].flatMap((node) => tilesOf(node, plan.weights));
  all.sort((a, b) => b.bytes - a.bytes);
  const shown = all.slice(0, maxTiles);
  const pooled = all.slice(maxTiles);
  const dtypes = new Map<string, { count: number; bytes: number }>();
  for (const { tensors } of walk(root)) {
    for (const tensor of tensors) {
      const { bytes } = tensor;
      const dtype = storedAs(tensor);
      const entry = dtypes.get(dtype) ?? { count: 0, bytes: 0 };
      dtypes.set(dtype, { count: entry.count + 1, bytes: entry.bytes + bytes });
    }
  }
  return {
    types: graphPlan === undefined ? moduleTypes(root) : operatorTypes(graphPlan),
    tiles: shown,
    pooled: { count: pooled.length, bytes: pooled.reduce((sum, { bytes }) => sum + bytes, 0) },
    dtypes: [...dtypes].map(([dtype, entry]) => ({ dtype, ...entry })).sort((a, b) => b.bytes - a.bytes),
    predictedBytes:
      graph === undefined ? predictedBytes(model, spec, plan) : graphBytes(model, graph) - savedBytes(root, plan),
    quantized: { count: plan.quantized.size, paths: [...plan.quantized.keys()].slice(0, maxPaths) },
    skipped: skippedGroups(plan.skipped),
  };
}

/** The types in the model that a qconfig can change, in the order of the file. */
function moduleTypes(root: ModuleNode): ModuleTypeDto[] {
  const types = new Map<string, ModuleTypeDto>();
  for (const { kind, optimizer } of walk(root)) {
    if (kind === undefined || optimizer) continue;
    const { type } = kind;
    const takes = cannotTake(kind, 'default_dynamic') === undefined ? 'product' : 'table';
    if (takes === 'table' && cannotTake(kind, 'float_qparams') !== undefined) continue;
    types.set(type, { type, takes, count: (types.get(type)?.count ?? 0) + 1 });
  }
  return [...types.values()];
}

/** The operators of a graph that can be quantized. */
function operatorTypes({ units }: GraphPlan): ModuleTypeDto[] {
  const counts = new Map<string, number>();
  for (const { node } of units) counts.set(node.opType, (counts.get(node.opType) ?? 0) + 1);
  return [...counts].map(([type, count]) => ({ type, takes: 'product', count }));
}

/** What the weights of a graph lose; the few nodes that are added do not count. */
function savedBytes(root: ModuleNode<ModelTensor>, { bytesAfter }: QuantizePlan): number {
  return root.bytes - (bytesAfter.get(root.path) ?? root.bytes);
}

/** A module with at most a weight and a bias is one tile; one with more is a tile a tensor. */
function tilesOf(node: ModuleNode<ModelTensor>, weights: ReadonlySet<string>): TileDto[] {
  const { path, tensors } = node;
  if (tensors.length === 0) return [];
  if (tensors.length <= 2 && path !== '') {
    const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    const quantized = tensors.some(({ name }) => weights.has(name));
    return [{ id: `m:${path}`, label: path, group: path, bytes, quantized }];
  }
  return tensors.map(({ name, bytes }) => ({
    id: `t:${name}`,
    label: name,
    group: path,
    bytes,
    quantized: weights.has(name),
  }));
}

/** By type and reason, each with its first paths. */
export function skippedGroups(skipped: readonly SkippedModuleDto[], mostPaths = maxPaths): OverviewDto['skipped'] {
  const groups = new Map<string, { type: string; reason: string; count: number; paths: string[] }>();
  for (const { path, type, reason } of skipped) {
    const key = `${type}\n${reason}`;
    const group = groups.get(key) ?? { type, reason, count: 0, paths: [] };
    group.count++;
    if (group.paths.length < mostPaths) group.paths.push(path);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The size of the file that torch.save would write after Quantize: shapes tell it, no value is read. */
function predictedBytes(
  model: Model,
  spec: QuantizeSpecDto,
  { quantized, qconfigs }: QuantizePlan<ModelTensor>,
): number {
  const { root, file, stem } = model;
  const replacement = (node: ModuleNode) => {
    const found = quantized.get(node.path);
    const qconfig = qconfigs.get(node.path);
    if (found === undefined || qconfig === undefined) return undefined;
    return shapesOnly(found, qconfig, spec.halfStorage ?? false);
  };
  const state = quantizedStateDict(stateModules(root, root.path, replacement), file.moduleVersions);
  return plannedSize(state, stem, file.torchStyle ?? '2', spec.engine);
}

const noData = async () => new Uint8Array(0);

/** The packed form of a module without its data: input and hidden products of a recurrent one in turn. */
function shapesOnly(node: ModuleNode<ModelTensor>, qconfig: QConfigName, halfStorage: boolean): Replacement {
  const form = weightForms[qconfig];
  const prefix = node.path === '' ? '' : `${node.path}.`;
  const byName = new Map(packedTensors(node).map((tensor) => [tensor.name.slice(prefix.length), tensor]));
  if (form.kind === 'table') {
    const [rows = 0, width = 0] = byName.get('weight')?.shape ?? [];
    const dtype = form.bits === 8 ? 'quint8' : 'quint4x2';
    const perRow = new Float32Array(rows);
    return {
      stored: 'table',
      products: [],
      table: { dtype, shape: [rows, width], scales: perRow, zeroPoints: perRow, data: noData },
    };
  }
  const half = form.kind === 'float16';
  const perChannel = !half && form.scheme === 'per_channel';
  const dtype = !half ? 'qint8' : halfStorage ? 'float16' : 'float32';
  const products: Replacement['products'][number][] = [];
  for (const [name, tensor] of byName) {
    if (!isQuantizedWeight(name)) continue;
    const bias = byName.get(name.replace('weight', 'bias'));
    const rows = tensor.shape[0] ?? 0;
    products.push({
      name: tensor.name.slice(node.path === '' ? 0 : node.path.length + 1),
      weight: {
        dtype,
        shape: tensor.shape,
        scales: half ? [] : new Array<number>(perChannel ? rows : 1).fill(1),
        perChannel,
        data: noData,
      },
      bias: bias && { dtype: 'float32', shape: bias.shape, data: noData },
    });
  }
  return { stored: half && halfStorage ? 'none' : storedForm(node.kind), products };
}
