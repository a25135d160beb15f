import { type OnnxActivation, onnxActivation, onnxCodes } from '../../engine/quantization/onnxActivation';
import type { Tensor } from '../../engine/tensor/tensor';
import type { ProductDto } from '../../protocol/forwardDto';
import type { ActivationGrid } from '../activationDetail';
import type { Captured } from '../capture';
import { Recorder } from '../forwardModule';
import type { GraphProduct, HiddenState } from './graphProducts';

/** Activations as ONNX Runtime quantizes them. */
export const onnxGrid: ActivationGrid = {
  codeMax: 255,
  quantize(values) {
    const { scale, zeroPoint } = onnxActivation(values);
    return { scale, zeroPoint, codes: onnxCodes(values, { scale, zeroPoint }).codes };
  },
};

/** Values of a run by name. */
export type RunValues = ReadonlyMap<string, Tensor>;

/**
 * Every quantization of a run in the order of the graph, from the values that `tappedValues` named.
 * A weight that several nodes multiply with has a call for each.
 */
export function capturedProducts(products: readonly GraphProduct[], values: RunValues): Captured[] {
  const calls = new Map<string, number>();
  return products.flatMap((product) => {
    const { module, weight, source } = product;
    const key = `${module}\n${weight}`;
    const call = calls.get(key) ?? 0;
    const floats = values.get(source);
    if (!(floats?.data instanceof Float32Array)) return [];
    calls.set(key, call + 1);
    const steps = product.hidden === undefined ? [floats.data] : statesBefore(floats, product.hidden, values);
    return steps.map((step, i) => captured(product, call, i, step, values));
  });
}

function captured(
  { module, weight, chosen }: GraphProduct,
  call: number,
  step: number,
  floats: Float32Array,
  values: RunValues,
): Captured {
  const activation: OnnxActivation = { ...onnxActivation(floats), ...(chosen && told(chosen, values)) };
  const { codes, clamped, codesUsed } = onnxCodes(floats, activation);
  const record = { module, weight, call, step, ...activation, clamped, codesUsed, count: floats.length };
  return { record, values: floats, codes };
}

/** What the graph itself chose, rather than what it would have by the formula. */
function told({ scale, zeroPoint }: NonNullable<GraphProduct['chosen']>, values: RunValues) {
  const [s, z] = [values.get(scale)?.data[0], values.get(zeroPoint)?.data[0]];
  return s === undefined || z === undefined ? {} : { scale: Number(s), zeroPoint: Number(z) };
}

/** The state before each step, of all rows of the batch; `states` [steps, directions, batch, hidden] are those after. */
function statesBefore(
  { shape, data }: Tensor,
  { direction, backwards, initial }: HiddenState,
  values: RunValues,
): Float32Array[] {
  const [steps, directions, batch, hidden] = shape;
  const size = batch * hidden;
  const floats = data as Float32Array;
  const first = values.get(initial)?.data.subarray(direction * size, (direction + 1) * size) as
    | Float32Array
    | undefined;
  return Array.from({ length: steps }, (_, step) => {
    if (step === 0) return first ?? new Float32Array(size);
    const before = backwards ? steps - step : step - 1;
    const start = (before * directions + direction) * size;
    return floats.subarray(start, start + size);
  });
}

/** The same as tables, one a product. ONNX Runtime's kernels add in 32 bits, so that there is no saturation to count. */
export function productTables(products: readonly GraphProduct[], quantizations: readonly Captured[]): ProductDto[] {
  const recorder = new Recorder();
  for (const { record } of quantizations) recorder.activation(record);
  const states = new Set(products.filter(({ hidden }) => hidden).map(({ module, weight }) => `${module}\n${weight}`));
  return recorder.products([]).map((table) => ({
    ...table,
    input: states.has(`${table.module}\n${table.weight}`) ? 'h' : 'x',
    saturated16: [],
  }));
}
