import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import { accuracy } from '../engine/quantization/errorMetrics';
import { floatTensor, type Tensor } from '../engine/tensor/tensor';
import type { OnnxGraph } from '../formats/onnx/types';
import type { Captured } from '../model/capture';
import { type OutputPairs, series } from '../model/forwardModule';
import type { Model } from '../model/openModel';
import { defaultSpec } from '../model/qconfigSpec';
import { formName } from '../protocol/formNames';
import type { ForwardRequestDto, ForwardResultDto, OnnxForwardRequestDto, WholeModelDto } from '../protocol/forwardDto';
import { fixedSize, graphInputs, isDrawable, proposedInputs } from './graphInputs';
import { chosenGraph, runGraphs } from './onnxForward';
import { type GraphFile, tapGraph, withGraph } from './onnxGraph';
import { numbers } from './outputArrays';

/** The whole graph of an ONNX file as the Forward view shows whole models. */

/** True where the graph of the file runs, and no other code in its place. */
export function isGraph(
  { file }: Model,
  { module, source, plan }: Pick<ForwardRequestDto, 'module' | 'source' | 'plan'>,
): boolean {
  return (
    module === '' &&
    source === undefined &&
    plan === undefined &&
    file.program === undefined &&
    file.onnx?.graph !== undefined
  );
}

/** The inputs that the graph names, with proposals for the sizes that it leaves open. */
export function describeGraph({ file }: Model): WholeModelDto {
  const graph = file.onnx?.graph;
  const wanted = graphInputs(graph);
  const open = wanted.some(({ shape }) => shape?.some((size) => fixedSize(size) === undefined));
  const other = !wanted.every(isDrawable);
  return {
    by: 'onnx',
    className: graph?.name ?? '',
    file: '',
    inputs: proposedInputs(graph),
    values: valueNames(graph),
    notes: [
      ...(open ? ['sizes that the graph leaves open are 1, or 16 tokens, until others are typed'] : []),
      ...(other ? ['inputs that are neither float32 nor int64 are not drawn: give all inputs in a file'] : []),
    ],
  };
}

/** A list to choose from that is longer than this helps nobody; a name that is not in it can be typed. */
const maxValueNames = 1_000;

function valueNames(graph: OnnxGraph | undefined): string[] {
  const outputs = new Set(graph?.outputs.map(({ name }) => name));
  const made = (graph?.nodes ?? []).flatMap((node) => node.outputs).filter((name) => name !== '' && !outputs.has(name));
  return made.slice(0, maxValueNames);
}

/** Runs the graph and the one that dynamic quantization makes of it, in ONNX Runtime, on the same inputs. */
export async function forwardGraph(
  file: GraphFile,
  request: ForwardRequestDto,
  progress: Progress,
): Promise<{ readonly result: ForwardResultDto; readonly outputs: OutputPairs }> {
  const { model } = file;
  const ran = await runGraphs(file, graphRequest(request), progress);
  const { float, quantized, same } = ran;
  if (quantized === undefined || float.tensors.length === 0) {
    throw invalid('E_NO_OUTPUT', 'The forward gives no tensor.');
  }
  const [a, b] = [asFloat(float.tensors[0]), asFloat(quantized.tensors[0])];
  const result: ForwardResultDto = {
    module: '',
    moduleType: model.file.onnx?.graph?.name ?? '',
    engine: request.engine,
    form: formName('qint8'),
    seed: request.seed,
    inputs: ran.inputs.map(({ name, shape }) => ({ name, shape })),
    outputs: float.outputs.map((output, i) => ({ float: output, quantized: quantized.outputs[i] })),
    accuracy: accuracy(a.data, b.data),
    size: { floatBytes: ran.bytes, quantizedBytes: quantized.bytes, ratio: ran.bytes / quantized.bytes },
    latencyUs: {
      float: float.latencyUs,
      quantized: quantized.latencyUs,
      ratio: float.latencyUs.median / quantized.latencyUs.median,
    },
    codeMax: 255,
    products: quantized.products,
    series: series(a, b),
    runtime: 'onnx',
    ...(same === undefined ? {} : { same }),
  };
  return { result, outputs: { float: float.tensors, quantized: quantized.tensors } };
}

function asFloat(tensor: Tensor) {
  return floatTensor(numbers(tensor), tensor.shape);
}

/** Everything that the quantized graph of a request quantizes, in order. */
export async function tappedGraph(file: GraphFile, request: ForwardRequestDto): Promise<readonly Captured[]> {
  const asked = { ...graphRequest(request), values: [] };
  return withGraph(file, asked, async (prepared) => {
    const { captured } = await tapGraph(await chosenGraph(prepared, asked), prepared.inputs, file);
    return captured;
  });
}

function graphRequest(request: ForwardRequestDto): OnnxForwardRequestDto {
  const { seed, shapes, inputs, engine, perChannel, spec, values = [], runs, warmup } = request;
  return {
    seed,
    shapes,
    inputs: inputs ?? null,
    outputsFile: null,
    values,
    quantized: true,
    spec: spec ?? defaultSpec(engine, perChannel),
    runs,
    warmup,
  };
}
