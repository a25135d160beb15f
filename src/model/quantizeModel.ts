import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import { dynamicTwin } from '../engine/nn/dynamicTwin';
import { addErrorSums, type ErrorSums, errorMetrics } from '../engine/quantization/errorMetrics';
import type { QConfigName } from '../engine/quantization/qconfigs';
import type {
  QuantizedModuleDto,
  QuantizedSummaryDto,
  QuantizeReportDto,
  QuantizeSpecDto,
} from '../protocol/quantizeDto';
import { reprTree } from './describeModel';
import { loadLayer } from './loadModule';
import { printModel, quantizedRepr, quantizedType, shownLines } from './moduleRepr';
import type { ModuleNode } from './moduleTree';
import { quantizeGraph } from './onnx/quantizeGraph';
import type { Model, ModelTensor } from './openModel';
import { skippedGroups } from './overview';
import { plannedSize, quantizedStateDict, type Replacement, replacementOf, stateModules } from './quantizedFile';
import { couldTake, planQuantization, refusedByPyTorch } from './quantizePlan';
import {
  CodeMeter,
  describeStreamed,
  measuredReport,
  type StreamedLinear,
  streamedLinear,
  streamedReplacement,
  streamedReport,
} from './streamedLinear';
import { type TwinReport, twinReport } from './twinReport';

/**
 * quantize_dynamic over the whole model, or onnxruntime's over its graph: one module after the other is read, quantized, measured
 * and forgotten, so memory follows the largest module and not the file; of a large Linear only a
 * tile is held.
 */
export async function quantizeModel(
  model: Model,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<QuantizeReportDto> {
  const graph = model.file.onnx?.graph;
  return graph === undefined
    ? quantizeModules(model, spec, abort, progress)
    : quantizeGraph(model, graph, spec, abort, progress);
}

/** The same over the modules that names and shapes tell, also where the file has a graph. */
async function quantizeModules(
  model: Model,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<QuantizeReportDto> {
  return (await reportModules(model, spec, abort, progress, streamedReport)).report;
}

/** A report whose scales are all chosen, while some errors are only known when the codes are made. */
export interface QuantizeDraft {
  /** Errors and digests that are not known yet are missing: NaN, and no digits. */
  readonly report: QuantizeReportDto;
  /** By module, who wants to see the codes of its weight when they are made. */
  readonly meters: ReadonlyMap<string, CodeMeter>;
  /** The whole report. What nobody showed a meter is read and quantized once more. */
  finish(): Promise<QuantizeReportDto>;
}

/**
 * The modules quantized for somebody who makes all codes anyway, as an export does: a weight that is too large to
 * hold is read for its scales now, and measured when its codes are made, instead of being quantized
 * once for the report and once for the file.
 */
export async function draftQuantization(
  model: Model,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<QuantizeDraft> {
  const meters = new Map<string, CodeMeter>();
  const open = new Map<string, () => Promise<TwinReport>>();
  const draft = await reportModules(model, spec, abort, progress, async (linear, path) => {
    const described = await describeStreamed(linear);
    const meter = new CodeMeter(linear);
    meters.set(path, meter);
    open.set(path, async () => (meter.complete ? meter.report(described) : measuredReport(linear, described)));
    return meter.report(described);
  });
  const finish = async () => {
    const modules: QuantizedModuleDto[] = [];
    const sums: ErrorSums[] = [];
    for (const [i, module] of draft.report.modules.entries()) {
      const measured = await open.get(module.path)?.();
      sums.push(measured?.sums ?? draft.sums[i]);
      modules.push(
        measured === undefined
          ? module
          : { ...module, weights: measured.weights, sqnrDb: errorMetrics(measured.sums).sqnrDb },
      );
    }
    return { ...draft.report, modules, sqnrDb: errorMetrics(addErrorSums(sums)).sqnrDb };
  };
  return { report: draft.report, meters, finish };
}

/** How a weight is reported that is too large to hold. */
type StreamedReporter = (linear: StreamedLinear, path: string) => Promise<TwinReport>;

async function reportModules(
  model: Model,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  progress: Progress,
  reportStreamed: StreamedReporter,
): Promise<{ readonly report: QuantizeReportDto; readonly sums: readonly ErrorSums[] }> {
  const plan = planQuantization(model.tree, spec);
  const modules: QuantizedModuleDto[] = [];
  const sums: ErrorSums[] = [];
  const replacements = new Map<string, Replacement>();
  const total = [...plan.quantized.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const node of plan.quantized.values()) {
    const before = done;
    const what = node.path || node.type;
    progress(done, total, what, 'bytes');
    abort.throwIfAborted();
    // Lets the thread answer requests for rows between two modules.
    await new Promise((resolve) => setImmediate(resolve));
    const qconfig = plan.qconfigs.get(node.path) ?? 'default_dynamic';
    const quantized = await quantizeNode(model, node, spec, qconfig, abort, reportStreamed, (bytes) =>
      progress(before + bytes / 2, total, what, 'bytes'),
    );
    done += node.bytes;
    modules.push({
      ...quantized.report,
      bytes: { before: node.bytes, after: plan.bytesAfter.get(node.path) ?? node.bytes },
    });
    sums.push(quantized.sums);
    replacements.set(node.path, quantized.replacement);
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
  const replaced = (node: ModuleNode<ModelTensor>) => {
    const qconfig = plan.qconfigs.get(node.path);
    return qconfig === undefined || node.kind === undefined ? undefined : quantizedRepr(node.kind, node.repr, qconfig);
  };
  const report = {
    engine: spec.engine,
    dtype: spec.dtype,
    repr: { before: printModel(reprTree(root, model.stem)), after: printModel(reprTree(root, model.stem, replaced)) },
    // A checkpoint's optimizer is not written again: its model is compared with its model.
    bytes: { before: root === model.tree && root.bytes > 0 ? model.file.bytes : size(float), after: size(state) },
    tensorBytes: { before: root.bytes, after: plan.bytesAfter.get(root.path) ?? root.bytes },
    sqnrDb: errorMetrics(addErrorSums(sums)).sqnrDb,
    modules,
    skipped: plan.skipped,
  };
  return { report, sums };
}

async function quantizeNode(
  model: Model,
  node: ModuleNode<ModelTensor>,
  spec: QuantizeSpecDto,
  qconfig: QConfigName,
  abort: AbortCheck,
  reportStreamed: StreamedReporter,
  onBytes: (bytes: number) => void,
) {
  const { kind, path, type } = node;
  if (kind === undefined) throw notQuantizable(node, qconfig);
  const { weights, sums, replacement } = await quantizeWeights(
    model,
    node,
    spec,
    qconfig,
    abort,
    reportStreamed,
    onBytes,
  );
  const report = {
    path,
    type,
    quantizedType: quantizedType(kind, qconfig),
    qconfig,
    refusedByPyTorch: refusedByPyTorch(kind) ?? '',
    sqnrDb: errorMetrics(sums).sqnrDb,
    weights,
  };
  return { report, sums, replacement };
}

async function quantizeWeights(
  model: Model,
  node: ModuleNode<ModelTensor>,
  spec: QuantizeSpecDto,
  qconfig: QConfigName,
  abort: AbortCheck,
  reportStreamed: StreamedReporter,
  onBytes: (bytes: number) => void,
): Promise<TwinReport & { readonly replacement: Replacement }> {
  const large = streamedLinear(model, node, qconfig, abort, onBytes);
  if (large !== undefined) {
    const report = await reportStreamed(large, node.path);
    return { ...report, replacement: streamedReplacement(large, report.weights[0].scales) };
  }
  const float = await loadLayer(model, node, abort);
  const dynamic = dynamicTwin(float, node.path, spec.engine, qconfig);
  if (dynamic === undefined) throw notQuantizable(node, qconfig);
  const report = await twinReport(dynamic, float.weights);
  return { ...report, replacement: withoutData(replacementOf(dynamic, spec.halfStorage ?? false)) };
}

function notQuantizable({ path, type }: ModuleNode, qconfig: QConfigName) {
  return invalid('E_NOT_QUANTIZABLE', `${path || type} does not take ${qconfig}.`);
}

/** Lengths are enough to know the file's size; the codes are dropped. */
function withoutData(replacement: Replacement): Replacement {
  const data = async () => new Uint8Array(0);
  const { products, table } = replacement;
  return {
    ...replacement,
    products: products.map(({ name, weight, bias }) => ({
      name,
      weight: { ...weight, data },
      bias: bias && { ...bias, data },
    })),
    table: table && { ...table, data },
  };
}

const maxPathsShown = 20;

/** The report without the lists that grow with the model. */
export function summarizeReport(model: Model, report: QuantizeReportDto, spec: QuantizeSpecDto): QuantizedSummaryDto {
  const { engine, repr, bytes, tensorBytes, sqnrDb, modules } = report;
  return {
    engine,
    perChannel: spec.perChannel,
    repr: { before: shownLines(repr.before).text, after: shownLines(repr.after).text },
    bytes,
    tensorBytes,
    sqnrDb,
    quantizedCount: modules.length,
    skipped: skippedGroups(report.skipped, maxPathsShown).map((group) => {
      const takes = couldTake(model.modules.get(group.paths[0]), group.reason, spec);
      return takes === undefined ? group : { ...group, takes };
    }),
  };
}
