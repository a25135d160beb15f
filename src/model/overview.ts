import type { OverviewDto, TileDto } from '../protocol/modelDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { type ModuleNode, packedTensors, storedAs, walk } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { plannedSize, quantizedStateDict, type Replacement, stateModules, storedForm } from './quantizedFile';
import { isQuantizedWeight, planQuantization } from './quantizePlan';

/** More tiles than this cannot be told apart. */
const maxTiles = 300;

/** Paths of each kind that a sentence may name. */
const maxPaths = 6;

/** Where the bytes are, and what the spec would do with them; from names and shapes alone, so it costs nothing. */
export function modelOverview(model: Model, spec: QuantizeSpecDto): OverviewDto {
  const { root } = model;
  const plan = planQuantization(root, spec);
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
    tiles: shown,
    pooled: { count: pooled.length, bytes: pooled.reduce((sum, { bytes }) => sum + bytes, 0) },
    dtypes: [...dtypes].map(([dtype, entry]) => ({ dtype, ...entry })).sort((a, b) => b.bytes - a.bytes),
    predictedBytes: predictedBytes(model, spec, plan.quantized),
    quantized: { count: plan.quantized.size, paths: [...plan.quantized.keys()].slice(0, maxPaths) },
    skipped: skippedGroups(plan.skipped),
  };
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

export function skippedGroups(
  skipped: readonly { readonly path: string; readonly type: string; readonly reason: string }[],
): OverviewDto['skipped'] {
  const groups = new Map<string, { type: string; reason: string; count: number; paths: string[] }>();
  for (const { path, type, reason } of skipped) {
    const key = `${type}\n${reason}`;
    const group = groups.get(key) ?? { type, reason, count: 0, paths: [] };
    group.count++;
    if (group.paths.length < maxPaths) group.paths.push(path);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The size of the file that torch.save would write after Quantize: shapes tell it, no value is read. */
function predictedBytes(
  model: Model,
  spec: QuantizeSpecDto,
  quantized: ReadonlyMap<string, ModuleNode<ModelTensor>>,
): number {
  const { root, file, stem } = model;
  const replacement = (node: ModuleNode) => {
    const found = quantized.get(node.path);
    return found === undefined ? undefined : shapesOnly(found, spec.perChannel);
  };
  const state = quantizedStateDict(stateModules(root, root.path, replacement), file.moduleVersions);
  return plannedSize(state, stem, file.torchStyle ?? '2', spec.engine);
}

const noData = async () => new Uint8Array(0);

/** The packed form of a module without its data: input and hidden products of a recurrent one in turn. */
function shapesOnly(node: ModuleNode<ModelTensor>, perChannel: boolean): Replacement {
  const prefix = node.path === '' ? '' : `${node.path}.`;
  const byName = new Map(packedTensors(node).map((tensor) => [tensor.name.slice(prefix.length), tensor]));
  const products: Replacement['products'][number][] = [];
  for (const [name, tensor] of byName) {
    if (!isQuantizedWeight(name)) continue;
    const bias = byName.get(name.replace('weight', 'bias'));
    const rows = tensor.shape[0] ?? 0;
    products.push({
      name: tensor.name.slice(node.path === '' ? 0 : node.path.length + 1),
      weight: {
        dtype: 'qint8',
        shape: tensor.shape,
        scales: new Array<number>(perChannel ? rows : 1).fill(1),
        perChannel,
        data: noData,
      },
      bias: bias && { dtype: 'float32', shape: bias.shape, data: noData },
    });
  }
  return { stored: storedForm(node.kind), products };
}
