import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import { numel } from '../core/shape';
import { selectKernels } from '../engine/kernels/dispatch';
import type { DynamicModule, QuantizableModule } from '../engine/nn/module';
import { engineSemantics } from '../engine/quantization/engines';
import { accuracy, errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import type { ActivationRecord, Tap } from '../engine/quantization/tap';
import { Generator } from '../engine/random/generator';
import type { FloatTensor } from '../engine/tensor/tensor';
import type {
  ActivationDetailDto,
  ActivationQueryDto,
  ForwardRequestDto,
  ForwardResultDto,
  OutputDto,
  ProductDto,
} from '../protocol/dto';
import { loadModule } from './loadModule';
import { measure } from './measure';
import type { ModuleNode } from './moduleTree';
import { findModule, type Model, type ModelTensor } from './openModel';
import { planQuantization, staysFloat } from './quantizePlan';
import { defaultInputs } from './runnable';

/** Values of one input; more is a typing error more often than a wish. */
const maxInputValues = 50_000_000;

/** Values of a series that a chart draws. */
const maxSeries = 2_048;

/** Runs one module in float and quantized on the same random inputs, and records every scale that is chosen. */
export async function forwardModule(
  model: Model,
  request: ForwardRequestDto,
  abort: AbortCheck,
  progress: Progress,
): Promise<ForwardResultDto> {
  const node = findModule(model, request.module);
  const { float, dynamic } = await loadBoth(model, node, request, abort);
  const inputs = randomInputs(request);
  const kernels = selectKernels();
  const recorder = new Recorder();
  const floatOutputs = float.forward(inputs, { kernels, abort });
  const quantizedOutputs = dynamic.forward(inputs, { kernels, abort, tap: recorder });
  const time = (module: QuantizableModule | DynamicModule, what: string) =>
    measure(() => void module.forward(inputs, { kernels, abort }), request.runs, request.warmup, abort, progress, what);
  const latencyFloat = await time(float, 'float32');
  const latencyQuantized = await time(dynamic, 'int8');
  const bytesAfter = planQuantization(node, {
    engine: request.engine,
    dtype: 'qint8',
    perChannel: false,
    modules: [node.type],
    exclude: [],
  }).bytesAfter;
  const quantizedBytes = bytesAfter.get(node.path) ?? node.bytes;
  return {
    module: node.path,
    moduleType: node.type,
    engine: request.engine,
    seed: request.seed,
    inputs: inputs.map(({ shape }, i) => ({ name: inputNames(node)[i] ?? `input.${i}`, shape })),
    outputs: floatOutputs.map((output, i) => ({
      float: describe(float.outputs[i], output),
      quantized: describe(float.outputs[i], quantizedOutputs[i]),
    })),
    accuracy: accuracy(floatOutputs[0].data, quantizedOutputs[0].data),
    size: { floatBytes: node.bytes, quantizedBytes, ratio: node.bytes / quantizedBytes },
    latencyUs: {
      float: latencyFloat,
      quantized: latencyQuantized,
      ratio: latencyFloat.median / latencyQuantized.median,
    },
    codeMax: engineSemantics[request.engine].reduceRange ? 127 : 255,
    products: recorder.products(dynamic),
    series: series(floatOutputs[0], quantizedOutputs[0]),
  };
}

async function loadBoth(model: Model, node: ModuleNode<ModelTensor>, request: ForwardRequestDto, abort: AbortCheck) {
  const reason = node.kind === undefined ? undefined : staysFloat(node.kind);
  if (reason !== undefined)
    throw invalid('E_NOT_QUANTIZABLE', `${node.path || node.type} cannot be compared with int8: ${reason}.`);
  const float = await loadModule(model, node, abort);
  return {
    float,
    dynamic: float.toDynamic(node.path, request.engine, request.perChannel ? 'per_channel' : 'per_tensor'),
  };
}

/** torch.manual_seed(seed), then torch.randn of each shape in order. */
function randomInputs({ seed, shapes }: ForwardRequestDto): FloatTensor[] {
  for (const shape of shapes) {
    if (numel(shape) > maxInputValues) {
      throw invalid(
        'E_INPUT_LIMIT',
        `An input of shape ${shape.join(' × ')} has ${numel(shape)} values; the limit is ${maxInputValues}.`,
      );
    }
  }
  const generator = new Generator(seed);
  return shapes.map((shape) => generator.randn(shape));
}

function inputNames({ kind }: ModuleNode): string[] {
  return (kind && defaultInputs(kind)?.map(({ name }) => name)) ?? [];
}

function describe(name: string, { shape, dtype, data }: FloatTensor): OutputDto {
  let sum = 0;
  let sumAbs = 0;
  for (const value of data) {
    sum += value;
    sumAbs += Math.abs(value);
  }
  return { name, shape, dtype, mean: sum / data.length, meanAbs: sumAbs / data.length };
}

/** The whole output where it is short, else its last step, else its first values. */
function series(float: FloatTensor, quantized: FloatTensor): ForwardResultDto['series'] {
  const { shape, data } = float;
  const cut = (label: string, start: number, end: number) => ({
    label,
    float: [...data.subarray(start, end)],
    quantized: [...quantized.data.subarray(start, end)],
  });
  const whole = shape.join(' × ');
  if (data.length <= maxSeries) return cut(`${whole}, flattened`, 0, data.length);
  const step = data.length / shape[0];
  if (step <= maxSeries) return cut(`step ${shape[0] - 1} of ${whole}`, data.length - step, data.length);
  return cut(`first ${maxSeries} values of ${whole}`, 0, maxSeries);
}

/** Collects the scales of a forward pass by product. */
class Recorder implements Tap {
  private readonly records = new Map<string, ActivationRecord[]>();

  activation(record: ActivationRecord): void {
    const key = `${record.module}\n${record.weight}`;
    const list = this.records.get(key) ?? [];
    list.push(record);
    this.records.set(key, list);
  }

  /** One entry a product, in the order of the module's weights. */
  products(module: DynamicModule): ProductDto[] {
    return module.products.map(({ module: path, name }) => {
      const records = this.records.get(`${path}\n${name}`) ?? [];
      const column = (pick: (record: ActivationRecord) => number) => records.map(pick);
      return {
        module: path,
        weight: name,
        input: name.startsWith('weight_hh') ? 'h' : 'x',
        call: column((r) => r.call),
        step: column((r) => r.step),
        min: column((r) => r.min),
        max: column((r) => r.max),
        scale: column((r) => r.scale),
        zeroPoint: column((r) => r.zeroPoint),
        clipped: column((r) => (r.count === 0 ? 0 : r.clamped / r.count)),
        codesUsed: column((r) => r.codesUsed),
        count: column((r) => r.count),
      };
    });
  }
}

const maxValues = 512;

/** The values behind one chosen scale: runs the quantized module again and stops to look. */
export async function activationDetail(
  model: Model,
  { request, module, weight, call, step }: ActivationQueryDto,
  abort: AbortCheck,
): Promise<ActivationDetailDto> {
  const node = findModule(model, request.module);
  const { dynamic } = await loadBoth(model, node, request, abort);
  let detail: ActivationDetailDto | undefined;
  const codeMax = engineSemantics[request.engine].reduceRange ? 127 : 255;
  const tap: Tap = {
    activation(record, values, codes) {
      if (record.module !== module || record.weight !== weight || record.call !== call || record.step !== step) return;
      detail = describeActivation(record, values, codes, codeMax);
    },
  };
  dynamic.forward(randomInputs(request), { kernels: selectKernels(), abort, tap });
  if (detail === undefined)
    throw invalid('E_NO_ACTIVATION', `${module}.${weight} has no step ${step} in call ${call}.`);
  return detail;
}

function describeActivation(
  record: ActivationRecord,
  values: Float32Array,
  codes: Uint8Array,
  codeMax: number,
): ActivationDetailDto {
  const restored = Float32Array.from(codes, (code) => (code - record.zeroPoint) * record.scale);
  const counts = new Array<number>(256).fill(0);
  for (const code of codes) counts[code]++;
  const stride = Math.max(1, Math.ceil(values.length / maxValues));
  const { min, max, scale, zeroPoint, codesUsed, count } = record;
  const { sqnrDb } = errorMetrics(errorSums(values, restored));
  return {
    count,
    values: [...values].filter((_, i) => i % stride === 0),
    codes: counts,
    min,
    max,
    scale,
    zeroPoint,
    codesUsed,
    codeMax,
    sqnrDb,
  };
}
