import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { observeRange } from '../engine/quantization/observers';
import type { CoverageDto, CoverageRowDto } from '../protocol/answersDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { engineClass, readValues } from './loadModule';
import { type ModuleNode, packedTensors, walk } from './moduleTree';
import { planModel } from './onnx/planModel';
import { type Model, type ModelTensor, ownerOf } from './openModel';
import { isQuantizedWeight, type QuantizePlan, refusedByPyTorch } from './quantizePlan';
import { isQuantizedRecord } from './recordRepr';

/**
 * Every module of the model with what happens to it and why. Reading values finds the weights
 * that cannot be quantized; without them the answer costs nothing but the header.
 */
export async function coverage(
  model: Model,
  spec: QuantizeSpecDto,
  values: boolean,
  abort: AbortCheck,
  progress: Progress,
): Promise<CoverageDto> {
  const plan = planModel(model, spec);
  const reasons = new Map(plan.skipped.map(({ path, reason }) => [path, reason]));
  const parts = new Map<string, string>();
  const shared = sharedWeights(model);
  const rows: CoverageRowDto[] = [];
  let covered = 0;
  const nodes = [...walk(model.root)].filter(({ optimizer }) => !optimizer);
  for (const node of nodes) {
    progress(rows.length, nodes.length, node.path || node.type);
    abort.throwIfAborted();
    if (node.kind?.type === 'LinearReLU') for (const { path } of node.children) parts.set(path, partOf(node));
    const row = rowOf(node, plan, parts.get(node.path) ?? reasons.get(node.path), shared);
    const unsound = values && row.status === 'quantized' ? await unsoundWeight(model, node, abort) : undefined;
    rows.push(unsound === undefined ? row : { ...row, status: 'float', reason: unsound });
    if (rows[rows.length - 1].status === 'quantized') covered += quantizedElements(node);
  }
  const count = (status: CoverageRowDto['status']) => rows.filter((row) => row.status === status).length;
  return {
    rows,
    quantized: count('quantized'),
    float: count('float'),
    share: model.root.parameters === 0 ? 0 : covered / model.root.parameters,
  };
}

function rowOf(
  node: ModuleNode<ModelTensor>,
  plan: QuantizePlan<ModelTensor>,
  skipped: string | undefined,
  shared: ReadonlyMap<string, string>,
): CoverageRowDto {
  const { path, type, bytes } = node;
  const after = plan.bytesAfter.get(path) ?? bytes;
  const row = { path, type, bytes: { before: bytes, after } };
  if (plan.quantized.has(path)) {
    const notes = [node.kind && refusedByPyTorch(node.kind), shared.get(path)].filter((note) => note !== undefined);
    return { ...row, status: 'quantized', reason: notes.join('; ') };
  }
  if (node.tensors.length === 0 && node.children.length > 0) return { ...row, status: 'container', reason: '' };
  return { ...row, status: 'float', reason: skipped ?? unknownReason(node) };
}

function partOf({ path, type }: ModuleNode): string {
  return `part of ${path}, a ${type} that is taken as one`;
}

function unknownReason(node: ModuleNode): string {
  if (node.tensors.length === 0) return 'it has no parameters';
  if (node.record !== undefined && isQuantizedRecord(node.record)) return 'it is quantized already';
  const known = engineClass(node);
  if (known !== undefined) return 'not in the spec';
  if (node.record !== undefined || node.type !== '') return `${node.type} is not a type that quantize_dynamic knows`;
  return 'the file does not say what it is';
}

/** Modules whose weight is another module's too: int8 copies it, so the file keeps both. */
function sharedWeights(model: Model): Map<string, string> {
  const owners = new Map<string, string>();
  const notes = new Map<string, string>();
  for (const { name, record } of model.tensors.values()) {
    const key = `${record.storage.key}\n${record.storageOffset}\n${record.shape.join()}`;
    const first = owners.get(key);
    if (first === undefined) owners.set(key, name);
    else {
      for (const [own, other] of [
        [name, first],
        [first, name],
      ]) {
        const path = ownerOf(model, own)?.path;
        if (path !== undefined && record.storage.key !== '')
          notes.set(path, `shares its weight with ${other}, which stays as it is`);
      }
    }
  }
  return notes;
}

async function unsoundWeight(
  model: Model,
  node: ModuleNode<ModelTensor>,
  abort: AbortCheck,
): Promise<string | undefined> {
  for (const tensor of packedTensors(node)) {
    if (!isQuantizedWeight(tensor.name)) continue;
    const { min, max } = observeRange(await readValues(model, tensor, abort));
    if (Number.isNaN(min)) return `${tensor.name} contains NaN`;
    if (tensor.numel > 0 && !(Number.isFinite(min) && Number.isFinite(max))) return `${tensor.name} contains infinity`;
  }
  return undefined;
}

function quantizedElements(node: ModuleNode): number {
  return packedTensors(node).reduce((sum, { name, numel }) => sum + (isQuantizedWeight(name) ? numel : 0), 0);
}
