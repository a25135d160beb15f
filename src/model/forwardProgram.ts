import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import { contiguousStrides } from '../core/shape';
import { Budget } from '../engine/forward/interpreter/budget';
import { PyFunction } from '../engine/forward/interpreter/pyFunction';
import { cast, dense, Storage, StridedTensor } from '../engine/forward/values/stridedTensor';
import { PyTuple, type Value } from '../engine/forward/values/values';
import { selectKernels } from '../engine/kernels/dispatch';
import { engineSemantics } from '../engine/quantization/engines';
import { accuracy } from '../engine/quantization/errorMetrics';
import type { Tap } from '../engine/quantization/tap';
import { type FloatTensor, floatTensor, type Tensor, tensorFromBytes } from '../engine/tensor/tensor';
import type { ForwardRequestDto, ForwardResultDto } from '../protocol/forwardDto';
import type { ForwardPlanDto } from '../protocol/planDto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { describeOutput, Recorder, series } from './forwardModule';
import { measure } from './measure';
import type { Model } from './openModel';
import { assumptionsOf, loadPlanProgram } from './plan/planProgram';
import { planSwaps } from './programSwaps';
import { planQuantization } from './quantizePlan';
import { randomInputs } from './randomInputs';
import { runForward } from './runForward';
import { type defaultInputs, runnableModules } from './runnable';
import { loadScriptProgram, type Program } from './scriptProgram';
import { loadSourceProgram, type SourceChoice, sourceSwaps } from './sourceModel';

/** A program with what its modules become under a spec. */
export interface LoadedProgram {
  readonly program: Program;
  readonly className: string;
  readonly swaps: ReturnType<typeof planSwaps>;
  readonly notes: readonly string[];
}

/** The model's own forward, from the archive's code or from a class of a Python file; or a plan in its place. */
export async function loadProgram(
  model: Model,
  source: SourceChoice | undefined,
  spec: QuantizeSpecDto,
  abort: AbortCheck,
  plan?: ForwardPlanDto,
): Promise<LoadedProgram> {
  if (plan !== undefined) {
    const program = await loadPlanProgram(model, plan, { kernels: selectKernels(), abort }, abort);
    const notes = assumptionsOf(plan).map((one) => `assumed: ${one}`);
    return { program, className: 'forward plan', swaps: sourceSwaps(program, spec), notes };
  }
  if (source === undefined) {
    const program = await loadScriptProgram(model, abort);
    return { program, className: program.root.type.name, swaps: planSwaps(model, spec), notes: [] };
  }
  const { program, className, solved, problems } = await loadSourceProgram(
    model,
    source,
    { kernels: selectKernels(), abort },
    abort,
  );
  const values = Object.entries(solved).map(([name, value]) => `${name}=${value}`);
  const notes = [
    ...(values.length === 0 ? [] : [`__init__ arguments worked out from the shapes: ${values.join(', ')}`]),
    ...problems.map((problem) => `not read: ${problem}`),
  ];
  return { program, className, swaps: sourceSwaps(program, spec), notes };
}

/** Runs the whole model in float and with its modules quantized, on the same inputs. */
export async function forwardProgram(
  model: Model,
  request: ForwardRequestDto,
  source: SourceChoice | undefined,
  given: readonly Tensor[] | undefined,
  abort: AbortCheck,
  progress: Progress,
): Promise<{
  result: ForwardResultDto;
  outputs: { float: readonly StridedTensor[]; quantized: readonly StridedTensor[] };
}> {
  const spec: QuantizeSpecDto = {
    engine: request.engine,
    dtype: 'qint8',
    perChannel: request.perChannel,
    modules: null,
    exclude: [],
  };
  const { program, className, swaps, notes } = await loadProgram(model, source, spec, abort, request.plan);
  const known = request.plan?.inputs ?? programInputs(model);
  const inputs = given ?? randomInputs(request.seed, request.shapes, known);
  const args = bundle(program, inputs.map(toValue));
  const kernels = selectKernels();
  const recorder = new Recorder();
  const run = (quantized: boolean, tap?: Tap) =>
    runForward(program, args, {
      kernels,
      abort,
      tap,
      engine: request.engine,
      seed: request.seed,
      swaps: quantized ? swaps : undefined,
    });
  const float = run(false);
  const quantized = run(true, recorder);
  const time = (int8: boolean, what: string) =>
    measure(() => void run(int8), request.runs, request.warmup, abort, progress, what);
  const [latencyFloat, latencyQuantized] = [await time(false, 'float32'), await time(true, 'int8')];
  const [floatOutputs, quantizedOutputs] = [float.outputs.map(toFloat), quantized.outputs.map(toFloat)];
  if (floatOutputs.length === 0) throw invalid('E_NO_OUTPUT', 'The forward gives no tensor.');
  const { root } = model;
  const quantizedBytes = planQuantization(root, spec).bytesAfter.get(root.path) ?? root.bytes;
  const result: ForwardResultDto = {
    module: '',
    moduleType: className,
    engine: request.engine,
    seed: request.seed,
    inputs: inputs.map(({ shape }, i) => ({ name: known[i]?.name ?? `input.${i}`, shape })),
    outputs: floatOutputs.map((output, i) => ({
      float: describeOutput(`output.${i}`, output),
      quantized: describeOutput(`output.${i}`, quantizedOutputs[i]),
    })),
    accuracy: accuracy(floatOutputs[0].data, quantizedOutputs[0].data),
    size: { floatBytes: root.bytes, quantizedBytes, ratio: root.bytes / quantizedBytes },
    latencyUs: {
      float: latencyFloat,
      quantized: latencyQuantized,
      ratio: latencyFloat.median / latencyQuantized.median,
    },
    codeMax: engineSemantics[request.engine].reduceRange ? 127 : 255,
    products: recorder.products(quantized.quantized),
    series: series(floatOutputs[0], quantizedOutputs[0]),
    program: {
      steps: float.steps,
      printed: float.printed,
      notes: [...notes, ...(float.usedRandom ? ['the forward draws random numbers; they come from the seed'] : [])],
    },
  };
  return { result, outputs: { float: float.outputs, quantized: quantized.outputs } };
}

/** Inputs to start from: those of the first module that can be run by itself. */
export function programInputs(model: Model): NonNullable<ReturnType<typeof defaultInputs>> {
  return runnableModules(model.root, 1)[0]?.inputs ?? [];
}

/** `input.0`, `input.1`, … of a .npz, in order, with the dtypes that they have. */
export async function programArrays(arrays: Model, abort: AbortCheck): Promise<Tensor[]> {
  const inputs: Tensor[] = [];
  for (let i = 0; ; i++) {
    const tensor = arrays.tensors.get(`input.${i}`);
    if (tensor === undefined) break;
    inputs.push(tensorFromBytes(await arrays.file.readTensor(tensor.record, abort), tensor.dtype, tensor.shape));
  }
  if (inputs.length === 0) {
    throw invalid('E_NO_INPUT', `${arrays.fileName} has no array named input.0.`, {
      hint: 'Name the arrays input.0, input.1, … in the order of forward’s arguments.',
    });
  }
  return inputs;
}

function toValue({ dtype, shape, data }: Tensor): StridedTensor {
  const whole = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const budget = new Budget();
  const strides = contiguousStrides(shape);
  if (whole)
    return new StridedTensor(new Storage('int64', Float64Array.from(data as BigInt64Array, Number)), shape, strides, 0);
  if (dtype === 'float32') return new StridedTensor(new Storage('float32', data as Float32Array), shape, strides, 0);
  const wide = new StridedTensor(new Storage('float64', Float64Array.from(data as Float32Array)), shape, strides, 0);
  return cast(budget, wide, dtype);
}

/** More inputs than the forward has arguments: the last argument is a tuple of what is left, as an LSTM's (h0, c0). */
function bundle({ root }: Program, inputs: readonly Value[]): Value[] {
  const forward = root.type.find('forward')?.value;
  const count = forward instanceof PyFunction ? forward.positionalCount - 1 : inputs.length;
  if (inputs.length <= count || count < 1) return [...inputs];
  return [...inputs.slice(0, count - 1), new PyTuple(inputs.slice(count - 1))];
}

function toFloat(tensor: StridedTensor): FloatTensor {
  return floatTensor(Float32Array.from(dense(new Budget(), tensor)), tensor.shape);
}
