import type { AbortCheck } from '../core/abort';
import { joinChunks } from '../core/byteChunks';
import { bytesSource } from '../core/byteSource';
import { invalid, unsupported } from '../core/errors';
import { noProgress } from '../core/progress';
import { accuracy } from '../engine/quantization/errorMetrics';
import type { Tensor } from '../engine/tensor/tensor';
import { addOutputs } from '../formats/onnx/addOutputs';
import type { OnnxGraph } from '../formats/onnx/types';
import { planExport } from '../model/export/exportModel';
import { type Model, openModel } from '../model/openModel';
import { defaultSpec } from '../model/qconfigSpec';
import { randomInputs } from '../model/randomInputs';
import type { LatencyDto, OnnxForwardDto, OnnxForwardRequestDto, OutputDto } from '../protocol/forwardDto';
import { indexLimits, type OnnxParts, readParts } from './onnxParts';
import type { OnnxSession } from './onnxRuntime';
import { type OpenSource, withSource } from './openSource';
import { numbers, writeArrays } from './outputArrays';
import { inputArrays } from './wholeModels';

/** What an open size of an input becomes when nothing says more. */
export const openSize = 1;
/** Random indices stay below this where the graph does not show the table that they are looked up in. */
export const indexLimit = 2;

/** What one graph gave. */
export interface Ran {
  readonly tensors: readonly Tensor[];
  readonly outputs: readonly OutputDto[];
  readonly latencyUs: LatencyDto;
}

/** Both graphs on the same inputs; `bytes` are those of the model with the files beside it. */
export interface RanGraphs {
  readonly inputs: OnnxForwardDto['inputs'];
  readonly float: Ran;
  readonly bytes: number;
  readonly quantized?: Ran & { readonly bytes: number };
}

/**
 * Runs an ONNX graph with ONNX Runtime on given or random inputs; with `quantized` also the graph
 * that dynamic quantization makes of it, on the same inputs. `values` are intermediate results to
 * give too.
 */
export async function onnxForward(
  model: Model,
  path: string,
  request: OnnxForwardRequestDto,
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<OnnxForwardDto> {
  const { inputs, float, quantized } = await runGraphs(model, path, request, undefined, openSource, abort);
  if (request.outputsFile !== null) {
    const { tensors } = request.quantizedOutputs && quantized !== undefined ? quantized : float;
    const arrays = tensors.map((tensor, i) => ({ name: `output.${i}`, ...tensor }));
    await writeArrays(request.outputsFile, arrays, abort);
  }
  return {
    inputs,
    outputs: float.outputs,
    latencyUs: float.latencyUs,
    ...(quantized === undefined ? {} : { quantized: compared(float, quantized) }),
  };
}

/** The same with the tensors themselves; `given` stands in for the inputs of the request. */
export async function runGraphs(
  model: Model,
  path: string,
  request: OnnxForwardRequestDto,
  given: readonly Tensor[] | undefined,
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<RanGraphs> {
  const graph = model.file.onnx?.graph;
  const parts = await withSource(openSource, path, (source) => readParts(source, graph));
  const session = await openSession(parts, request.values, abort);
  try {
    const inputs = await inputsOf(session, request, given, graph, openSource, abort);
    const float = await runGraph(session, inputs, request, abort);
    const quantized = request.quantized ? await runQuantized(model, inputs, request, abort) : undefined;
    return {
      inputs: inputs.map(({ shape, dtype }, i) => ({ name: session.inputs[i].name, shape, dtype })),
      float,
      bytes: parts.external.reduce((sum, { data }) => sum + data.length, parts.model.length),
      ...(quantized === undefined ? {} : { quantized }),
    };
  } finally {
    await session.close();
  }
}

async function openSession(
  { model, external }: OnnxParts,
  values: readonly string[],
  abort: AbortCheck,
): Promise<OnnxSession> {
  // Loaded now: the runtime is large, and most files need none.
  const { openOnnxSession } = await import('./onnxRuntime.js');
  abort.throwIfAborted();
  const plain = values.length > 0;
  return openOnnxSession(plain ? addOutputs(model, values) : model, plain, external);
}

async function inputsOf(
  { inputs: wanted }: OnnxSession,
  request: OnnxForwardRequestDto,
  given: readonly Tensor[] | undefined,
  graph: OnnxGraph | undefined,
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<readonly Tensor[]> {
  const inputs =
    given ??
    (request.inputsFile === null
      ? randomOnes(wanted, request, indexLimits(graph))
      : await inputArrays(request.inputsFile, openSource, abort));
  if (inputs.length !== wanted.length) {
    throw invalid('E_ONNX_INPUT', `The graph takes ${wanted.length} inputs, not ${inputs.length}.`, {
      expected: wanted
        .map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.map((s) => (s < 0 ? '?' : s)).join(', ')}]`)
        .join(', '),
      found: inputs.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`).join(', '),
    });
  }
  return inputs;
}

async function runGraph(
  session: OnnxSession,
  inputs: readonly Tensor[],
  { runs, warmup }: OnnxForwardRequestDto,
  abort: AbortCheck,
): Promise<Ran> {
  const tensors = await session.run(inputs);
  const times: number[] = [];
  for (let i = 0; i < warmup + runs; i++) {
    abort.throwIfAborted();
    const started = performance.now();
    await session.run(inputs);
    if (i >= warmup) times.push((performance.now() - started) * 1000);
  }
  times.sort((a, b) => a - b);
  return {
    tensors,
    outputs: tensors.map((output, i) => ({
      name: session.outputs[i],
      shape: output.shape,
      dtype: output.dtype,
      ...means(output),
    })),
    latencyUs: {
      median: times[Math.floor(times.length / 2)] ?? 0,
      p95: times[Math.floor(times.length * 0.95)] ?? 0,
      runs,
      warmup,
      threads: 1,
    },
  };
}

/** The graph as onnxruntime's quantize_dynamic rewrites it, made in memory and run like the other. */
async function runQuantized(
  model: Model,
  inputs: readonly Tensor[],
  request: OnnxForwardRequestDto,
  abort: AbortCheck,
): Promise<Ran & { readonly bytes: number }> {
  const bytes = await rewritten(model, request, abort);
  const { graph } = (await openModel(bytesSource(bytes, model.fileName), abort)).file.onnx ?? {};
  const made = new Set(graph?.nodes.flatMap(({ outputs }) => outputs));
  const before = new Set(model.file.onnx?.graph?.nodes.map(({ opType }) => opType));
  if (graph === undefined || graph.nodes.every(({ opType }) => before.has(opType))) {
    throw invalid('E_NOT_QUANTIZABLE', 'Nothing in this graph is quantized: it has no product with a constant weight.');
  }
  // A value that the rewriting replaced is only in the float graph.
  const values = request.values.filter((name) => made.has(name));
  const session = await openSession({ model: bytes, external: [] }, values, abort);
  try {
    return { ...(await runGraph(session, inputs, request, abort)), bytes: bytes.length };
  } finally {
    await session.close();
  }
}

async function rewritten(
  model: Model,
  { perChannel = false, reduceRange = false }: OnnxForwardRequestDto,
  abort: AbortCheck,
): Promise<Uint8Array> {
  const planned = await planExport(
    model,
    {
      target: model.fileName,
      format: 'onnx',
      spec: defaultSpec('fbgemm', perChannel),
      torchStyle: '2',
      layout: 'state_dict',
      module: '',
      shardBytes: Number.MAX_SAFE_INTEGER,
      reduceRange,
      overwrite: false,
    },
    abort,
    noProgress,
  );
  return joinChunks(planned.files[0].plan.chunks());
}

function compared(float: Ran, quantized: Ran & { readonly bytes: number }): OnnxForwardDto['quantized'] {
  const { outputs, latencyUs, bytes } = quantized;
  const [a, b] = [float.tensors[0], quantized.tensors[0]];
  return { outputs, latencyUs, bytes, accuracy: accuracy(numbers(a), numbers(b)) };
}

function randomOnes(
  wanted: OnnxSession['inputs'],
  { seed, shapes }: OnnxForwardRequestDto,
  limits: ReadonlyMap<string, number>,
): Tensor[] {
  const chosen = wanted.map(({ shape }, i) => shapes[i] ?? shape.map((size) => (size < 0 ? openSize : size)));
  const known = wanted.map(({ name, dtype, shape }) => {
    if (dtype !== 'float32' && dtype !== 'int64') {
      throw unsupported('E_ONNX_INPUT', `The input ${name} is ${dtype}; random inputs are float32 or int64.`, {
        hint: 'Give it with --inputs IN.npz.',
      });
    }
    return { name, shape, dtype: dtype as 'float32' | 'int64', high: limits.get(name) ?? indexLimit };
  });
  return randomInputs(seed, chosen, known);
}

function means({ data }: Tensor): { mean: number; meanAbs: number } {
  let [sum, sumAbs] = [0, 0];
  for (const value of data) {
    sum += Number(value);
    sumAbs += Math.abs(Number(value));
  }
  return { mean: sum / data.length, meanAbs: sumAbs / data.length };
}
