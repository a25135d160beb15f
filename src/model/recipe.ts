import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import { Recurrent } from '../engine/nn/recurrent';
import { accuracy } from '../engine/quantization/errorMetrics';
import { Generator } from '../engine/random/generator';
import { initRecurrent, type RecurrentShape } from '../engine/random/initialize';
import type { FloatTensor } from '../engine/tensor/tensor';
import { planTorchFile, type StateDict } from '../formats/torch/write';
import type { PlannedFile } from '../formats/zip/write';
import type { EngineName } from '../protocol/dto';
import type { RecipeDto } from '../protocol/modelDto';
import { measure } from './measure';
import { floatData, plannedSize, quantizedStateDict, replacementOf, type StateModule } from './quantizedFile';

/**
 * PyTorch's dynamic quantization recipe: an LSTM(8, 8) under a fixed seed, its size, latency and
 * accuracy before and after quantize_dynamic. The page is gone; the numbers are kept.
 */

const seed = 29592;
const modelDimension = 8;
const sequenceLength = 20;
const batchSize = 1;
const warmup = 30;

const shape: RecurrentShape = {
  inputSize: modelDimension,
  hiddenSize: modelDimension,
  numLayers: 1,
  bias: true,
  bidirectional: false,
  projSize: 0,
};

/** What the recipe generates, in its order: inputs, hidden state, then the LSTM. */
export function recipeModel(): { readonly inputs: FloatTensor[]; readonly lstm: Recurrent } {
  const generator = new Generator(seed);
  const inputs = [
    generator.randn([sequenceLength, batchSize, modelDimension]),
    generator.randn([1, batchSize, modelDimension]),
    generator.randn([1, batchSize, modelDimension]),
  ];
  return { inputs, lstm: new Recurrent('LSTM', shape, initRecurrent(generator, 'LSTM', shape)) };
}

/** The recipe's class keeps the LSTM under this name. */
const path = 'lstm';

function floatState(lstm: Recurrent): StateDict {
  const tensors = [...lstm.parameters].map(([name, { data, shape }]) => ({
    name: `${path}.${name}`,
    source: `${path}.${name}`,
    ...floatData(data, shape),
  }));
  const modules: StateModule[] = [
    { path: '', tensors: [], replacement: undefined },
    { path, tensors, replacement: undefined },
  ];
  return quantizedStateDict(
    modules,
    new Map([
      ['', 1],
      [path, 1],
    ]),
  );
}

/** The recipe's float model as torch.save writes its state dict. */
export function recipeFile(): PlannedFile {
  return planTorchFile(floatState(recipeModel().lstm), { archiveName: 'recipe_lstm', style: '2', engine: 'fbgemm' });
}

/** Runs the recipe from start to end. Only the latencies differ from run to run. */
export async function runRecipe(
  engine: EngineName,
  runs: number,
  abort: AbortCheck,
  progress: Progress,
): Promise<RecipeDto> {
  const { inputs, lstm } = recipeModel();
  const dynamic = lstm.toDynamic(path, engine, 'per_tensor');
  const context = { kernels: selectKernels(), abort };
  const [float] = lstm.forward(inputs, context);
  const [quantized] = dynamic.forward(inputs, context);
  const quantizedState = quantizedStateDict(
    [
      { path: '', tensors: [], replacement: undefined },
      { path, tensors: [], replacement: replacementOf(dynamic) },
    ],
    new Map([
      ['', 1],
      [path, 1],
    ]),
  );
  // The recipe saves to temp.p, and the archive's folder is named after it.
  const floatBytes = plannedSize(floatState(lstm), 'temp', '2', engine);
  const quantizedBytes = plannedSize(quantizedState, 'temp', '2', engine);
  const latencyFloat = await measure(
    () => void lstm.forward(inputs, context),
    runs,
    warmup,
    abort,
    progress,
    'float32',
  );
  const latencyQuantized = await measure(
    () => void dynamic.forward(inputs, context),
    runs,
    warmup,
    abort,
    progress,
    'int8',
  );
  const report = {
    engine,
    repr: { before: reprOf('LSTM(8, 8)'), after: reprOf('DynamicQuantizedLSTM(8, 8)') },
    size: { floatBytes, quantizedBytes, ratio: floatBytes / quantizedBytes },
    latencyUs: {
      float: latencyFloat,
      quantized: latencyQuantized,
      ratio: latencyFloat.median / latencyQuantized.median,
    },
    accuracy: accuracy(float.data, quantized.data),
  };
  return { ...report, lines: recipeLines(report) };
}

function reprOf(lstm: string): string {
  return `lstm_for_demonstration(\n  (lstm): ${lstm}\n)`;
}

/** The recipe's own sentences. */
function recipeLines({ repr, size, latencyUs, accuracy: a }: Omit<RecipeDto, 'lines'>): string[] {
  const kilobytes = (bytes: number) => (bytes / 1000).toFixed(3);
  return [
    'Here is the floating point version of this module:',
    repr.before,
    '',
    'and now the quantized version:',
    repr.after,
    '',
    `model:  fp32  \t Size (KB): ${kilobytes(size.floatBytes)}`,
    `model:  int8  \t Size (KB): ${kilobytes(size.quantizedBytes)}`,
    `${size.ratio.toFixed(2)} times smaller`,
    '',
    `Floating point FP32: ${latencyUs.float.median.toFixed(1)} µs median of ${latencyUs.float.runs} runs`,
    `Quantized INT8: ${latencyUs.quantized.median.toFixed(1)} µs median of ${latencyUs.quantized.runs} runs`,
    '',
    `mean absolute value of output tensor values in the FP32 model is ${a.meanAbsFloat.toFixed(5)} `,
    `mean absolute value of output tensor values in the INT8 model is ${a.meanAbsQuantized.toFixed(5)}`,
    `mean absolute value of the difference between the output tensors is ${a.meanAbsDiff.toFixed(5)} or ${a.percent.toFixed(2)} percent`,
  ];
}
