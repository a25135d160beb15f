import type { Progress } from '../core/progress';
import { accuracy } from '../engine/quantization/errorMetrics';
import { planGraph } from '../model/onnx/graphPlan';
import { isQuantizedGraph } from '../model/onnx/storedGraph';
import { productTables } from '../model/onnx/tapProducts';
import { defaultSpec } from '../model/qconfigSpec';
import type { OnnxForwardDto, OnnxForwardRequestDto, ProductDto } from '../protocol/forwardDto';
import {
  type GraphFile,
  noGraph,
  type PreparedGraph,
  partsBytes,
  type QuantizedGraph,
  quantizedGraph,
  type Ran,
  runOpen,
  runTimed,
  tapGraph,
  withGraph,
  withSession,
  withValues,
} from './onnxGraph';
import { numbers, writeArrays } from './outputArrays';

/** Both graphs on the same inputs; `bytes` are those of the model with the files beside it. */
export interface RanGraphs {
  readonly inputs: OnnxForwardDto['inputs'];
  readonly float: Ran;
  readonly bytes: number;
  readonly quantized?: Ran & { readonly bytes: number; readonly products: readonly ProductDto[] };
  /** Why both are one graph; undefined where they are two. */
  readonly same?: OnnxForwardDto['same'];
}

/**
 * Runs an ONNX graph with ONNX Runtime on given or random inputs; with `quantized` also the graph
 * that dynamic quantization makes of it, on the same inputs. `values` are intermediate results to
 * give too.
 */
export async function onnxForward(
  file: GraphFile,
  request: OnnxForwardRequestDto,
  progress: Progress,
): Promise<OnnxForwardDto> {
  const { inputs, float, quantized, same } = await runGraphs(file, request, progress);
  if (request.outputsFile !== null) {
    const { tensors } = request.quantizedOutputs && quantized !== undefined ? quantized : float;
    const arrays = tensors.map((tensor, i) => ({ name: `output.${i}`, ...tensor }));
    await writeArrays(request.outputsFile, arrays, file.path, file.abort);
  }
  return {
    inputs,
    outputs: float.outputs,
    latencyUs: float.latencyUs,
    ...(quantized === undefined ? {} : { quantized: compared(float, quantized) }),
    ...(same === undefined ? {} : { same }),
  };
}

/** The same with the tensors themselves. */
export function runGraphs(file: GraphFile, request: OnnxForwardRequestDto, progress: Progress): Promise<RanGraphs> {
  return withGraph(file, request, async (prepared) => {
    const { session, inputs, parts } = prepared;
    const first = await runOpen(prepared);
    const float = await runTimed(session, inputs, request, 'float32', file.abort, progress, first);
    const ran = {
      inputs: inputs.map(({ shape, dtype }, i) => ({ name: session.inputs[i].name, shape, dtype })),
      float,
      bytes: partsBytes(parts),
    };
    if (!request.quantized) return ran;
    const chosen = await chosenGraph(prepared, request);
    const { products, captured } = await tapGraph(chosen, inputs, file);
    const tables = { products: productTables(products, captured) };
    if (chosen.same !== undefined)
      return { ...ran, same: chosen.same, quantized: { ...float, ...tables, bytes: ran.bytes } };
    const { values } = request;
    const quantized = await withSession(withValues(chosen.parts, values), values.length > 0, file.abort, (own) =>
      runTimed(own, inputs, request, 'int8', file.abort, progress),
    );
    return { ...ran, quantized: { ...quantized, ...tables, bytes: partsBytes(chosen.parts) } };
  });
}

/** The graph that the spec makes of the file's; the file's own where that is quantized already, or where nothing is. */
export async function chosenGraph(
  prepared: Pick<PreparedGraph, 'file' | 'parts' | 'values'>,
  { spec = defaultSpec(), reduceRange = false }: Pick<OnnxForwardRequestDto, 'spec' | 'reduceRange'>,
): Promise<QuantizedGraph & { readonly same?: OnnxForwardDto['same'] }> {
  const { model } = prepared.file;
  const graph = model.file.onnx?.graph;
  if (graph === undefined) throw noGraph();
  if (isQuantizedGraph(graph)) return { parts: prepared.parts, graph, same: 'stored' };
  const { nodes } = planGraph(model, graph, spec);
  if (nodes.size === 0) return { parts: prepared.parts, graph, same: 'float' };
  return quantizedGraph(prepared, { nodes, reduceRange });
}

function compared(
  float: Ran,
  { outputs, latencyUs, bytes, products, tensors }: NonNullable<RanGraphs['quantized']>,
): OnnxForwardDto['quantized'] {
  const [a, b] = [float.tensors[0], tensors[0]];
  return { outputs, latencyUs, bytes, products, accuracy: accuracy(numbers(a), numbers(b)) };
}
