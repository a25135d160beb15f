import type { AbortCheck } from '../../../core/abort';
import { planOnnx } from '../../../formats/onnx/write';
import type { ExportRequestDto } from '../../../protocol/exportDto';
import type { ForwardPlanDto } from '../../../protocol/planDto';
import type { QuantizeReportDto } from '../../../protocol/quantizeDto';
import { findModule, type Model } from '../../openModel';
import { readPlan } from '../../plan/readPlan';
import { loadProgram, prepareProgram } from '../../preparedProgram';
import { defaultSpec } from '../../qconfigSpec';
import type { PlannedExport } from '../exportModel';
import { emitGraph } from './emitGraph';
import { GraphBuilder } from './graphBuilder';
import { emitPlan } from './planGraph';
import { WeightSource } from './weightSource';

/** LayerNormalization needs 17, Gelu 20; every runtime in use reads both. */
const opset = 20;
const irVersion = 9;

/**
 * The model, or one module of it, as an ONNX graph: a module of known type, or a Sequential whose
 * children the file names; the whole of a state dict by a forward plan.
 */
export async function onnxFiles(
  model: Model,
  { spec, module, plan }: ExportRequestDto,
  fileName: string,
  report: QuantizeReportDto | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  const weights = new WeightSource(model, spec, report?.modules ?? [], abort);
  const graph = new GraphBuilder();
  const { inputs, outputs } =
    plan === undefined
      ? emitGraph(graph, weights, findModule(model, module))
      : emitPlan(graph, weights, model, await provenPlan(model, plan, abort));
  const foreign = graph.nodes.some(({ domain }) => domain !== '') ? [{ domain: 'com.microsoft', version: 1 }] : [];
  const metadata: Record<string, string> =
    spec === null ? {} : { quantization: JSON.stringify({ source: model.fileName, perChannel: spec.perChannel }) };
  const { nodes, initializers } = graph;
  const opsets = [{ domain: '', version: opset }, ...foreign];
  return planOnnx(
    { irVersion, opsets, graph: { name: model.stem, nodes, initializers, inputs, outputs }, metadata },
    fileName,
  );
}

/** A plan that does not run here would be a graph that runs nowhere: one pass in float shows it, in PyTorch's words. */
async function provenPlan(model: Model, given: ForwardPlanDto, abort: AbortCheck): Promise<ForwardPlanDto> {
  const plan = readPlan(given);
  const shapes = plan.inputs.map(({ shape }) => shape);
  const loaded = await loadProgram(model, undefined, plan, abort);
  prepareProgram(loaded, { seed: 0, shapes }, defaultSpec(), plan.inputs, undefined, abort).run();
  return plan;
}
