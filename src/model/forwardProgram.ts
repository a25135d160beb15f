import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import type { StridedTensor } from '../engine/forward/values/stridedTensor';
import { engineSemantics } from '../engine/quantization/engines';
import { accuracy } from '../engine/quantization/errorMetrics';
import { type Tensor, tensorFromBytes } from '../engine/tensor/tensor';
import type { ForwardRequestDto, ForwardResultDto } from '../protocol/forwardDto';
import { describeOutput, Recorder, series } from './forwardModule';
import { measure } from './measure';
import type { Model } from './openModel';
import { type PreparedProgram, toFloat } from './preparedProgram';
import { planQuantization } from './quantizePlan';
import { twinForms } from './twinForms';

/** What the float and the quantized model gave on the same inputs. */
export interface ProgramOutputs {
  readonly float: readonly StridedTensor[];
  readonly quantized: readonly StridedTensor[];
}

/** Runs the whole model in float and with its modules quantized, on the same inputs. */
export async function forwardProgram(
  model: Model,
  request: ForwardRequestDto,
  prepared: PreparedProgram,
  abort: AbortCheck,
  progress: Progress,
): Promise<{ readonly result: ForwardResultDto; readonly outputs: ProgramOutputs }> {
  const { loaded, spec, run } = prepared;
  const recorder = new Recorder();
  const float = run();
  // Weights are quantized once, before the runs that are timed, as they are in PyTorch.
  const twins = prepared.twins();
  const quantized = run(twins, recorder);
  const [floatOutputs, quantizedOutputs] = [float.outputs.map(toFloat), quantized.outputs.map(toFloat)];
  if (floatOutputs.length === 0) throw invalid('E_NO_OUTPUT', 'The forward gives no tensor.');
  const time = (work: () => void, what: string) => measure(work, request.runs, request.warmup, abort, progress, what);
  const latencyFloat = await time(() => void run(), 'float32');
  const form = twinForms(quantized.quantized);
  const latencyQuantized = await time(() => void run(twins), form);
  const { root } = model;
  const quantizedBytes = planQuantization(root, spec).bytesAfter.get(root.path) ?? root.bytes;
  const result: ForwardResultDto = {
    module: '',
    moduleType: loaded.className,
    engine: request.engine,
    form,
    seed: request.seed,
    inputs: prepared.inputs,
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
      notes: [
        ...loaded.notes,
        ...(float.usedRandom ? ['the forward draws random numbers; they come from the seed'] : []),
      ],
    },
  };
  return { result, outputs: { float: float.outputs, quantized: quantized.outputs } };
}

/** `input.0`, `input.1`, … of a .npz, in order, with the dtypes that they have; a file without such names is taken in its order. */
export async function programArrays(arrays: Model, abort: AbortCheck): Promise<Tensor[]> {
  const numbered = [...arrays.tensors.keys()].some((name) => /^input\.\d+$/.test(name));
  const inputs: Tensor[] = [];
  for (const [i, own] of [...arrays.tensors.values()].entries()) {
    const tensor = numbered ? arrays.tensors.get(`input.${i}`) : own;
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
