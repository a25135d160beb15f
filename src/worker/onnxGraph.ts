import type { AbortCheck } from '../core/abort';
import { joinChunks } from '../core/byteChunks';
import { bytesSource } from '../core/byteSource';
import { invalid, QuantscopeError, unsupported } from '../core/errors';
import { noProgress, type Progress } from '../core/progress';
import { quotedNames } from '../core/text';
import type { Tensor } from '../engine/tensor/tensor';
import { type AddedNode, addOutputs } from '../formats/onnx/addOutputs';
import type { OnnxGraph, OnnxNode } from '../formats/onnx/types';
import type { Captured } from '../model/capture';
import { type Rewriting, rewriteGraph } from '../model/export/onnx/rewrite/rewriteExport';
import { measure } from '../model/measure';
import { type GraphProduct, graphProducts, tappedValues } from '../model/onnx/graphProducts';
import { capturedProducts } from '../model/onnx/tapProducts';
import { type Model, openModel } from '../model/openModel';
import type { LatencyDto, OnnxForwardRequestDto, OutputDto } from '../protocol/forwardDto';
import { requestedInputs } from './graphInputs';
import { type OnnxParts, readParts } from './onnxParts';
import type { OnnxSession } from './onnxRuntime';
import { type OpenSource, withSource } from './openSource';

/** An open ONNX file, and how its other files are read. */
export interface GraphFile {
  readonly model: Model;
  readonly path: string;
  readonly openSource: OpenSource;
  readonly abort: AbortCheck;
}

/** What the inputs are, and which values are wanted besides the outputs. */
export type GraphInputs = Pick<OnnxForwardRequestDto, 'seed' | 'shapes' | 'inputs' | 'values'>;

/** What one graph gave. */
export interface Ran {
  readonly tensors: readonly Tensor[];
  readonly outputs: readonly OutputDto[];
  readonly latencyUs: LatencyDto;
}

/** The graph of a file ready to run, with its inputs. */
export interface PreparedGraph {
  readonly file: GraphFile;
  readonly parts: OnnxParts;
  readonly session: OnnxSession;
  readonly inputs: readonly Tensor[];
  /** Values wanted besides the outputs. */
  readonly values: readonly string[];
}

/** A graph that dynamic quantization made, or the file's own where it is one. */
export interface QuantizedGraph {
  readonly parts: OnnxParts;
  readonly graph: OnnxGraph;
}

/** Opens the graph of a file and the inputs of a request. */
export async function withGraph<T>(
  file: GraphFile,
  request: GraphInputs,
  use: (prepared: PreparedGraph) => Promise<T>,
): Promise<T> {
  const { model, path, openSource, abort } = file;
  const graph = model.file.onnx?.graph;
  const parts = await withSource(openSource, path, (source) => readParts(source, graph));
  const { values } = request;
  if (graph !== undefined) checkValues(graph, values);
  return withSession(withValues(parts, values), values.length > 0, abort, async (session) => {
    const inputs = await requestedInputs(session, request, graph, openSource, abort);
    return use({ file, parts, session, inputs, values });
  });
}

/** E_ONNX_VALUE for a name that the graph does not have. */
function checkValues({ nodes, inputs, initializers }: OnnxGraph, names: readonly string[]): void {
  const known = new Set([
    ...nodes.flatMap(({ outputs }) => outputs),
    ...inputs.map(({ name }) => name),
    ...initializers.map(({ name }) => name),
  ]);
  for (const name of names) {
    if (name !== '' && known.has(name)) continue;
    const near = [...known].filter((one) => one.includes(name) || one.endsWith(name.split('/').at(-1) ?? name));
    throw invalid('E_ONNX_VALUE', `The graph has no value named ${JSON.stringify(name.slice(0, 200))}.`, {
      ...(near.length === 0 ? {} : { expected: quotedNames(near) }),
      hint: 'Values are named by the outputs of nodes.',
    });
  }
}

/** Runs a graph of which some sizes are open; where it fails, these sizes may be why. */
export async function runOpen({ file, session, inputs }: PreparedGraph): Promise<Tensor[]> {
  try {
    return await session.run(inputs);
  } catch (error) {
    const wanted = file.model.file.onnx?.graph?.inputs.filter(({ name }) =>
      session.inputs.some((i) => i.name === name),
    );
    const open = wanted?.some(({ shape }) => shape?.some((size) => typeof size !== 'number'));
    if (!(error instanceof QuantscopeError) || error.code !== 'E_ONNX_RUNTIME' || !open) throw error;
    throw invalid('E_ONNX_SHAPE', 'The graph does not run on inputs of these shapes.', {
      found: `${inputs.map(({ shape }, i) => `${session.inputs[i].name} [${shape.join(', ')}]`).join(', ')}: ${error.message}`,
      expected: wanted
        ?.map(({ name, shape }) => `${name} [${shape?.map((size) => size ?? '?').join(', ')}]`)
        .join(', '),
      hint: 'Sizes that the graph leaves open are guessed until they are given: type them, or give --shape for each input.',
    });
  }
}

/** Loads a graph; `plain` leaves it as it is written, so that all of its values can be given. */
export async function withSession<T>(
  { model, external }: OnnxParts,
  plain: boolean,
  abort: AbortCheck,
  use: (session: OnnxSession) => Promise<T>,
): Promise<T> {
  // Loaded now: the runtime is large, and most files need none.
  const { openOnnxSession } = await import('./onnxRuntime.js');
  abort.throwIfAborted();
  const session = await openOnnxSession(model, plain, external);
  try {
    abort.throwIfAborted();
    return await use(session);
  } finally {
    await session.close();
  }
}

export function noGraph() {
  return invalid('E_ONNX_NO_GRAPH', 'The file has no graph.');
}

/** The graph with these nodes quantized, made in memory. */
export async function quantizedParts(
  { file: { model, abort }, values }: Pick<PreparedGraph, 'file' | 'values'>,
  rewriting: Omit<Rewriting, 'values'>,
): Promise<OnnxParts> {
  const files = await rewriteGraph(model, { ...rewriting, values }, model.fileName, abort, noProgress);
  if (files.length > 1) {
    throw unsupported('E_ONNX_LIMIT', 'The quantized graph is too large to be run here.', {
      hint: 'Export it and run it with ONNX Runtime.',
    });
  }
  return { model: await joinChunks(files[0].plan.chunks()), external: [] };
}

/** The same with the graph read again. */
export async function quantizedGraph(
  prepared: Pick<PreparedGraph, 'file' | 'values'>,
  rewriting: Omit<Rewriting, 'values'>,
): Promise<QuantizedGraph> {
  const { model, abort } = prepared.file;
  const parts = await quantizedParts(prepared, rewriting);
  const { file } = await openModel(bytesSource(parts.model, model.fileName), abort);
  if (file.onnx?.graph === undefined) throw noGraph();
  return { parts, graph: file.onnx.graph };
}

/** The same graph with these values among its outputs. */
export function withValues(parts: OnnxParts, values: readonly string[]): OnnxParts {
  return values.length === 0 ? parts : { ...parts, model: addOutputs(parts.model, values) };
}

/** Nodes that run once more for the states that they do not give: an LSTM's first output. */
function nodesAgain(products: readonly GraphProduct[], model: Uint8Array): AddedNode[] {
  const states = new Map<string, OnnxNode>(
    products.flatMap(({ source, hidden }) => (hidden?.again ? [[source, hidden.again] as const] : [])),
  );
  return [...states].map(([source, { opType, domain, inputs, attributes }]) => ({
    opType,
    domain,
    inputs,
    outputs: [source],
    attributes: attributes.map(({ region }) => model.subarray(region.offset, region.offset + region.length)),
  }));
}

export function partsBytes({ model, external }: OnnxParts): number {
  return external.reduce((sum, { data }) => sum + data.length, model.length);
}

/** Runs a graph once, where `ran` is not what it gave already, and then as often as its latency needs. */
export async function runTimed(
  session: OnnxSession,
  inputs: readonly Tensor[],
  { runs, warmup }: Pick<OnnxForwardRequestDto, 'runs' | 'warmup'>,
  what: string,
  abort: AbortCheck,
  progress: Progress,
  ran?: readonly Tensor[],
): Promise<Ran> {
  const tensors = ran ?? (await session.run(inputs));
  abort.throwIfAborted();
  const latency = runs === 0 ? none : await measure(() => session.run(inputs), runs, warmup, abort, progress, what);
  return {
    tensors,
    outputs: tensors.map((output, i) => ({
      name: session.outputs[i],
      shape: output.shape,
      dtype: output.dtype,
      ...means(output),
    })),
    latencyUs: { ...latency, threads: 1 },
  };
}

const none: LatencyDto = { median: 0, p95: 0, runs: 0, warmup: 0, threads: 1 };

/** Runs a quantized graph and looks at everything that it quantizes. */
export async function tapGraph(
  { parts, graph }: QuantizedGraph,
  inputs: readonly Tensor[],
  { model, abort }: GraphFile,
): Promise<{ readonly products: readonly GraphProduct[]; readonly captured: readonly Captured[] }> {
  const products = graphProducts(model, graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const wanted = tappedValues(products).filter((name) => !outputs.has(name));
  if (products.length === 0) return { products, captured: [] };
  const tapped = { ...parts, model: addOutputs(parts.model, wanted, nodesAgain(products, parts.model)) };
  const captured = await withSession(tapped, true, abort, async (session) => {
    const tensors = await session.run(inputs);
    return capturedProducts(products, new Map(session.outputs.map((name, i) => [name, tensors[i]])));
  });
  return { products, captured };
}

function means({ data }: Tensor): { mean: number; meanAbs: number } {
  let [sum, sumAbs] = [0, 0];
  for (const value of data) {
    sum += Number(value);
    sumAbs += Math.abs(Number(value));
  }
  return { mean: sum / data.length, meanAbs: sumAbs / data.length };
}
