import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import { floatInput } from '../engine/nn/inputs';
import type { DynamicModule, RunnableModule } from '../engine/nn/module';
import { engineSemantics } from '../engine/quantization/engines';
import { accuracy, errorMetrics, errorSums } from '../engine/quantization/errorMetrics';
import type { ActivationRecord, Tap } from '../engine/quantization/tap';
import type { FloatTensor, Tensor } from '../engine/tensor/tensor';
import type {
  ActivationDetailDto,
  ActivationQueryDto,
  ForwardRequestDto,
  ForwardResultDto,
  OutputDto,
  ProductDto,
} from '../protocol/forwardDto';
import { comparisonSpec, loadPair } from './loadPair';
import { measure } from './measure';
import { findModule, type Model } from './openModel';
import { requestInputs } from './randomInputs';
import { defaultInputs } from './runnable';

/** Values of a series that a chart draws. */
const maxSeries = 2_048;

/** Runs one module in float and quantized on the same random inputs, and records every scale that is chosen. */
export async function forwardModule(
  model: Model,
  request: ForwardRequestDto,
  abort: AbortCheck,
  progress: Progress,
  given?: readonly Tensor[],
): Promise<ForwardResultDto> {
  const node = findModule(model, request.module);
  const known = defaultInputs(node) ?? [];
  const pair = await loadPair(model, node, comparisonSpec(node, request), abort);
  const { float, quantized, dynamics, plan } = pair;
  const inputs = requestInputs(request, known, given);
  const kernels = selectKernels();
  const recorder = new Recorder();
  const run = (module: RunnableModule, tap?: Tap) =>
    module.forward(inputs, { kernels, abort, tap }).map((output) => floatInput(output, 'output'));
  const floatOutputs = run(float);
  const quantizedOutputs = run(quantized, recorder);
  const time = (module: RunnableModule, what: string) =>
    measure(() => void module.forward(inputs, { kernels, abort }), request.runs, request.warmup, abort, progress, what);
  const latencyFloat = await time(float, 'float32');
  const latencyQuantized = await time(quantized, 'int8');
  const quantizedBytes = plan.bytesAfter.get(node.path) ?? node.bytes;
  return {
    module: node.path,
    moduleType: node.type,
    engine: request.engine,
    seed: request.seed,
    inputs: inputs.map(({ shape }, i) => ({ name: known[i]?.name ?? `input.${i}`, shape })),
    outputs: floatOutputs.map((output, i) => ({
      float: describeOutput(float.outputs[i], output),
      quantized: describeOutput(float.outputs[i], quantizedOutputs[i]),
    })),
    accuracy: accuracy(floatOutputs[0].data, quantizedOutputs[0].data),
    size: { floatBytes: node.bytes, quantizedBytes, ratio: node.bytes / quantizedBytes },
    latencyUs: {
      float: latencyFloat,
      quantized: latencyQuantized,
      ratio: latencyFloat.median / latencyQuantized.median,
    },
    codeMax: engineSemantics[request.engine].reduceRange ? 127 : 255,
    products: recorder.products(dynamics.values()),
    series: series(floatOutputs[0], quantizedOutputs[0]),
  };
}

/** One output in numbers. */
export function describeOutput(name: string, { shape, dtype, data }: FloatTensor): OutputDto {
  let sum = 0;
  let sumAbs = 0;
  for (const value of data) {
    sum += value;
    sumAbs += Math.abs(value);
  }
  return { name, shape, dtype, mean: sum / data.length, meanAbs: sumAbs / data.length };
}

/** The whole output where it is short, else its last step, else its first values. */
export function series(float: FloatTensor, quantized: FloatTensor): ForwardResultDto['series'] {
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
export class Recorder implements Tap {
  readonly saturation = true;
  private readonly records = new Map<string, ActivationRecord[]>();

  activation(record: ActivationRecord): void {
    const key = `${record.module}\n${record.weight}`;
    const list = this.records.get(key) ?? [];
    list.push(record);
    this.records.set(key, list);
  }

  /** One entry a product, in the order of the modules' weights. */
  products(modules: Iterable<DynamicModule>): ProductDto[] {
    return [...modules]
      .flatMap(({ products }) => products)
      .map(({ module: path, name }) => {
        const records = this.records.get(`${path}\n${name}`) ?? [];
        const column = (pick: (record: ActivationRecord) => number) => records.map(pick);
        return {
          module: path,
          weight: name,
          input: /^weight_h[hr]/.test(name) ? 'h' : 'x',
          call: column((r) => r.call),
          step: column((r) => r.step),
          min: column((r) => r.min),
          max: column((r) => r.max),
          scale: column((r) => r.scale),
          zeroPoint: column((r) => r.zeroPoint),
          clipped: column((r) => (r.count === 0 ? 0 : r.clamped / r.count)),
          codesUsed: column((r) => r.codesUsed),
          count: column((r) => r.count),
          saturated16: column((r) => r.saturated16 ?? 0),
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
  given?: readonly Tensor[],
): Promise<ActivationDetailDto> {
  const node = findModule(model, request.module);
  const { quantized } = await loadPair(model, node, comparisonSpec(node, request), abort);
  let detail: ActivationDetailDto | undefined;
  const codeMax = engineSemantics[request.engine].reduceRange ? 127 : 255;
  const tap: Tap = {
    activation(record, values, codes) {
      if (record.module !== module || record.weight !== weight || record.call !== call || record.step !== step) return;
      detail = describeActivation(record, values, codes, codeMax);
    },
  };
  const inputs = requestInputs(request, defaultInputs(node) ?? [], given);
  quantized.forward(inputs, { kernels: selectKernels(), abort, tap });
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
