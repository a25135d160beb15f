import type { AbortCheck } from '../../../core/abort';
import { planOnnx } from '../../../formats/onnx/write';
import type { ExportRequestDto } from '../../../protocol/exportDto';
import type { QuantizeReportDto } from '../../../protocol/quantizeDto';
import { findModule, type Model } from '../../openModel';
import type { PlannedExport } from '../exportModel';
import { emitGraph } from './emitGraph';
import { GraphBuilder } from './graphBuilder';
import { WeightSource } from './weightSource';

/** LayerNormalization needs 17, Gelu 20; every runtime in use reads both. */
const opset = 20;
const irVersion = 9;

/**
 * The model, or one module of it, as an ONNX graph. Only what the file says is written: a module
 * of known type, or a Sequential whose children the file names.
 */
export async function onnxFiles(
  model: Model,
  { spec, module }: ExportRequestDto,
  fileName: string,
  report: QuantizeReportDto | undefined,
  abort: AbortCheck,
): Promise<PlannedExport['files']> {
  const node = findModule(model, module);
  const weights = new WeightSource(model, spec, report?.modules ?? [], abort);
  const graph = new GraphBuilder();
  const { inputs, outputs } = emitGraph(graph, weights, node);
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
