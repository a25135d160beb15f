import type { AbortCheck } from '../../core/abort';
import type { ByteChunks } from '../../core/byteChunks';
import type { DType } from '../../core/dtype';
import type { QuantizedWeightDto } from '../../protocol/quantizeDto';
import { walk } from '../moduleTree';
import type { Model } from '../openModel';
import type { Quantized } from './exportModel';
import { QuantizedModules } from './quantizedModules';
import { tensorChunks } from './tensorChunks';

/** A named array of a format that knows no quantized tensors. */
export interface PlainEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): ByteChunks;
}

/**
 * The model as plain tensors: what is not quantized stands as it is; a quantized `weight` becomes
 * int8 codes with `weight_scale` (float32, a scalar or one a row) and `weight_zero_point` (int64,
 * all zero) beside it. `value = (code − zero_point) · scale`.
 */
export async function plainEntries(
  model: Model,
  quantized: Quantized | undefined,
  abort: AbortCheck,
): Promise<PlainEntry[]> {
  const quantizedWeights = new Map<string, QuantizedWeightDto>();
  const report = quantized?.report;
  for (const { path, weights } of report?.modules ?? [])
    for (const weight of weights) quantizedWeights.set(path === '' ? weight.name : `${path}.${weight.name}`, weight);
  const modules = report && new QuantizedModules(model, report.engine, report.modules, abort, quantized?.meters);
  // A checkpoint's state dict leaves its key behind, as its optimizer does.
  const prefix = model.root.path;
  const entries: PlainEntry[] = [];
  for (const node of walk(model.root)) {
    for (const tensor of node.tensors) {
      const { dtype, shape } = tensor;
      const weight = quantizedWeights.get(tensor.name);
      const name = prefix !== '' ? tensor.name.slice(prefix.length + 1) : tensor.name;
      if (weight === undefined || modules === undefined) {
        entries.push({ name, dtype, shape, data: () => tensorChunks(model, tensor, abort) });
        continue;
      }
      entries.push(
        { name, dtype: 'int8', shape, data: () => modules.codes(node.path, weight.name) },
        ...scaleEntries(name, weight),
      );
    }
  }
  return entries;
}

/** `X_scale` and `X_zero_point` beside the codes `X`: a scalar each, or one a channel. */
export function scaleEntries(
  name: string,
  { scheme, scales: values, zeroPoints }: Pick<QuantizedWeightDto, 'scheme' | 'scales' | 'zeroPoints'>,
): PlainEntry[] {
  const shape = scheme === 'per_tensor' ? [] : [values.length];
  return [
    { name: `${name}_scale`, dtype: 'float32', shape, data: async () => bytesOf(Float32Array.from(values)) },
    {
      name: `${name}_zero_point`,
      ...(zeroPoints.every(Number.isInteger)
        ? { dtype: 'int64', data: async () => bytesOf(BigInt64Array.from(zeroPoints, BigInt)) }
        : { dtype: 'float32', data: async () => bytesOf(Float32Array.from(zeroPoints)) }),
      shape,
    },
  ];
}

function bytesOf(values: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
