import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import type { PackedLinear } from '../engine/quantization/dynamicLinear';
import { addErrorSums, type ErrorSums, errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import { dequantizeWeight } from '../engine/quantization/quantizeWeight';
import type {
  QuantizedModuleDto,
  QuantizedSummaryDto,
  QuantizedWeightDto,
  QuantizeReportDto,
  QuantizeSpecDto,
} from '../protocol/dto';
import { reprTree } from './describeModel';
import { loadModule } from './loadModule';
import { printModel, quantizedRepr } from './moduleRepr';
import type { ModuleNode } from './moduleTree';
import type { Model, ModelTensor } from './openModel';
import { plannedSize, quantizedStateDict, type Replacement, replacementOf, stateModules } from './quantizedFile';
import { planQuantization } from './quantizePlan';

/**
 * quantize_dynamic over the whole model: one module after the other is read, quantized, measured
 * and forgotten, so memory follows the largest module and not the file.
 */
export async function quantizeModel(
  model: Model,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<QuantizeReportDto> {
  const plan = planQuantization(model.tree, spec);
  const modules: QuantizedModuleDto[] = [];
  const sums: ErrorSums[] = [];
  const replacements = new Map<string, Replacement>();
  for (const node of plan.quantized.values()) {
    progress(modules.length, plan.quantized.size, node.path || node.type);
    abort.throwIfAborted();
    // Lets the thread answer requests for rows between two modules.
    await new Promise((resolve) => setImmediate(resolve));
    const quantized = await quantizeNode(model, node, spec, abort);
    modules.push({
      ...quantized.report,
      bytes: { before: node.bytes, after: plan.bytesAfter.get(node.path) ?? node.bytes },
    });
    sums.push(quantized.sums);
    replacements.set(node.path, withoutData(quantized.replacement));
  }
  const root = model.root;
  const state = quantizedStateDict(
    stateModules(root, root.path, (node) => replacements.get(node.path)),
    model.file.moduleVersions,
  );
  const float = quantizedStateDict(
    stateModules(root, root.path, () => undefined),
    model.file.moduleVersions,
  );
  const size = (what: typeof state) => plannedSize(what, model.stem, model.file.torchStyle ?? '2', spec.engine);
  const scheme = spec.perChannel ? 'per_channel' : 'per_tensor';
  const replaced = (node: ModuleNode<ModelTensor>) =>
    plan.quantized.has(node.path) && node.kind ? quantizedRepr(node.kind, node.repr, scheme) : undefined;
  return {
    engine: spec.engine,
    dtype: 'qint8',
    repr: { before: printModel(reprTree(root, model.stem)), after: printModel(reprTree(root, model.stem, replaced)) },
    // A checkpoint's optimizer is not written again: its model is compared with its model.
    bytes: { before: root === model.tree && root.bytes > 0 ? model.file.bytes : size(float), after: size(state) },
    tensorBytes: { before: root.bytes, after: plan.bytesAfter.get(root.path) ?? root.bytes },
    sqnrDb: errorMetrics(addErrorSums(sums)).sqnrDb,
    modules,
    skipped: plan.skipped,
  };
}

async function quantizeNode(model: Model, node: ModuleNode<ModelTensor>, spec: QuantizeSpecDto, abort: AbortCheck) {
  const float = await loadModule(model, node, abort);
  const dynamic = float.toDynamic(node.path, spec.engine, spec.perChannel ? 'per_channel' : 'per_tensor');
  const weights: QuantizedWeightDto[] = [];
  const sums: ErrorSums[] = [];
  for (const product of dynamic.products) {
    const values = float.weights.get(product.name) as Float32Array;
    const error = errorSums(values, dequantizeWeight(product.weight));
    sums.push(error);
    weights.push({ ...(await weightReport(product)), ...errorMetrics(error) });
  }
  const whole = addErrorSums(sums);
  const report = {
    path: node.path,
    type: node.type,
    quantizedType: `DynamicQuantized${node.type}`,
    sqnrDb: errorMetrics(whole).sqnrDb,
    weights,
  };
  return { report, sums: whole, replacement: replacementOf(dynamic) };
}

async function weightReport({ name, weight }: PackedLinear) {
  const { scheme, axis, scales, zeroPoints, codes } = weight;
  return { name, scheme, axis, scales: [...scales], zeroPoints: [...zeroPoints], int8Sha256: await sha256(codes) };
}

/** Lengths are enough to know the file's size; the codes are dropped. */
function withoutData({ stored, products }: Replacement): Replacement {
  const data = async () => new Uint8Array(0);
  return {
    stored,
    products: products.map(({ name, weight, bias }) => ({
      name,
      weight: { ...weight, data },
      bias: bias && { ...bias, data },
    })),
  };
}

async function sha256(codes: Int8Array): Promise<string> {
  const bytes = new Uint8Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const maxPathsShown = 20;

/** The report without the lists that grow with the model. */
export function summarizeReport(report: QuantizeReportDto, spec: QuantizeSpecDto): QuantizedSummaryDto {
  const groups = new Map<string, { type: string; reason: string; count: number; paths: string[] }>();
  for (const { path, type, reason } of report.skipped) {
    const key = `${type}\n${reason}`;
    const group = groups.get(key) ?? { type, reason, count: 0, paths: [] };
    group.count++;
    if (group.paths.length < maxPathsShown) group.paths.push(path);
    groups.set(key, group);
  }
  const { engine, repr, bytes, tensorBytes, sqnrDb, modules } = report;
  return {
    engine,
    perChannel: spec.perChannel,
    repr,
    bytes,
    tensorBytes,
    sqnrDb,
    quantizedCount: modules.length,
    skipped: [...groups.values()],
  };
}
