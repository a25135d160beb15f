import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import { floatInput } from '../engine/nn/inputs';
import type { DynamicModule, RunnableModule } from '../engine/nn/module';
import { engineSemantics } from '../engine/quantization/engines';
import { accuracy } from '../engine/quantization/errorMetrics';
import type { ActivationRecord, Tap } from '../engine/quantization/tap';
import type { FloatTensor, Tensor } from '../engine/tensor/tensor';
import type { ForwardRequestDto, ForwardResultDto, OutputDto, ProductDto } from '../protocol/forwardDto';
import { comparisonSpec, loadPair } from './loadPair';
import { measure } from './measure';
import { findModule, type Model } from './openModel';
import { requestInputs } from './randomInputs';
import { defaultInputs } from './runnable';
import { twinForms } from './twinForms';

/** Values of a series that a chart draws. */
const maxSeries = 2_048;

/** The outputs of the two models in order. */
export interface OutputPairs {
  readonly float: readonly Tensor[];
  readonly quantized: readonly Tensor[];
}

/** Runs one module in float and quantized on the same random inputs, and records every scale that is chosen. */
export async function forwardModule(
  model: Model,
  request: ForwardRequestDto,
  abort: AbortCheck,
  progress: Progress,
  given?: readonly Tensor[],
): Promise<{ readonly result: ForwardResultDto; readonly outputs: OutputPairs }> {
  const node = findModule(model, request.module);
  const known = defaultInputs(node) ?? [];
  const pair = await loadPair(model, node, comparisonSpec(node, request), abort);
  const { float, quantized, dynamics, floatBytes, quantizedBytes } = pair;
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
  const form = twinForms(dynamics.values());
  const latencyQuantized = await time(quantized, form);
  const result: ForwardResultDto = {
    module: node.path,
    moduleType: node.type,
    engine: request.engine,
    form,
    seed: request.seed,
    inputs: inputs.map(({ shape }, i) => ({ name: known[i]?.name ?? `input.${i}`, shape })),
    outputs: floatOutputs.map((output, i) => ({
      float: describeOutput(float.outputs[i], output),
      quantized: describeOutput(float.outputs[i], quantizedOutputs[i]),
    })),
    accuracy: accuracy(floatOutputs[0].data, quantizedOutputs[0].data),
    size: { floatBytes, quantizedBytes, ratio: floatBytes / quantizedBytes },
    latencyUs: {
      float: latencyFloat,
      quantized: latencyQuantized,
      ratio: latencyFloat.median / latencyQuantized.median,
    },
    codeMax: engineSemantics[request.engine].reduceRange ? 127 : 255,
    products: recorder.products(dynamics.values()),
    series: series(floatOutputs[0], quantizedOutputs[0]),
    stored: pair.stored,
  };
  return { result, outputs: { float: floatOutputs, quantized: quantizedOutputs } };
}

/** The outputs of one module, float and quantized, without timing anything. */
export async function moduleOutputs(
  model: Model,
  request: ForwardRequestDto,
  abort: AbortCheck,
  given?: readonly Tensor[],
): Promise<OutputPairs> {
  const node = findModule(model, request.module);
  const { float, quantized } = await loadPair(model, node, comparisonSpec(node, request), abort);
  const inputs = requestInputs(request, defaultInputs(node) ?? [], given);
  const context = { kernels: selectKernels(), abort };
  return { float: float.forward(inputs, context), quantized: quantized.forward(inputs, context) };
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
    const known = [...modules].flatMap(({ products }) => products.map(({ module, name }) => `${module}\n${name}`));
    // Modules that were quantized before they were saved have no twin, but run too.
    return [...new Set([...known, ...this.records.keys()])].map((key) => {
      const [path, name] = key.split('\n');
      const records = this.records.get(key) ?? [];
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
