import { basename } from 'node:path';
import type { AbortCheck } from '../core/abort';
import { unsupported } from '../core/errors';
import { numel } from '../core/shape';
import { Budget } from '../engine/forward/interpreter/budget';
import { dense, type StridedTensor } from '../engine/forward/values/stridedTensor';
import type { Tensor } from '../engine/tensor/tensor';
import { type NpyArray, planNpy, planNpz } from '../formats/npy/write';
import type { Captured } from '../model/capture';
import type { OutputPairs } from '../model/forwardModule';
import { matrixImage } from '../model/matrixImage';
import type { OutputImageQueryDto } from '../protocol/forwardDto';
import type { TensorImageDto } from '../protocol/tensorDto';
import { refuseSource } from './exportFiles';
import { writeFileAtomically } from './writeFile';

/** A program's outputs as dense arrays. */
export function programOutputs(outputs: readonly StridedTensor[]): Tensor[] {
  return outputs.map((tensor) => {
    const values = dense(new Budget(), tensor);
    const data = tensor.type === 'int64' ? BigInt64Array.from(values, (value) => BigInt(value)) : values;
    return { dtype: tensor.dtype, shape: tensor.shape, data };
  });
}

export interface NamedArray extends Tensor {
  readonly name: string;
}

/**
 * Writes arrays as .npz, or one array as .npy where the target is named so; returns the bytes written.
 * E_EXPORT_SOURCE where the target is `source`, the open model.
 */
export async function writeArrays(
  path: string,
  arrays: readonly NamedArray[],
  source: string,
  abort: AbortCheck,
): Promise<number> {
  await refuseSource(path, source);
  const single = /\.npy$/i.test(path);
  if (single && arrays.length !== 1) {
    throw unsupported('E_EXPORT_ARRAYS', 'A .npy holds one array.', {
      where: { file: basename(path) },
      found: `${arrays.length} arrays`,
      hint: 'Choose a name that ends in .npz.',
    });
  }
  const planned = arrays.map(({ name, dtype, shape, data }): NpyArray => {
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    return { name, dtype, shape, data: async () => bytes };
  });
  const plan = single ? planNpy(planned[0]) : planNpz(planned);
  await writeFileAtomically(path, plan.chunks(), abort);
  return plan.size;
}

/** One output, or the difference of the two, as a matrix of its last axis. */
export function outputImage(
  float: Tensor,
  quantized: Tensor,
  layer: OutputImageQueryDto['layer'],
  abort: AbortCheck,
): TensorImageDto {
  const [a, b] = [numbers(float), numbers(quantized)];
  const shown = layer === 'float' ? a : layer === 'int8' ? b : a.map((value, i) => b[i] - value);
  const columns = float.shape.at(-1) ?? 1;
  const rows = columns === 0 ? 0 : numel(float.shape) / columns;
  return { ...matrixImage(shown, rows, columns, abort), quantizable: true };
}

export function numbers({ data }: Tensor): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data as Float64Array, Number);
}

/** `output.0`, … of one model, or `float.output.0` and `int8.output.0` of both; `only` leaves out all others. */
export function outputArrays(
  { float, quantized }: OutputPairs,
  which: 'float' | 'int8' | 'both',
  only?: number,
): NamedArray[] {
  const named = (outputs: readonly Tensor[], prefix: string) =>
    outputs
      .map((tensor, i) => ({ name: `${prefix}output.${i}`, ...tensor }))
      .filter((_, i) => only === undefined || i === only);
  if (which === 'both') return [...named(float, 'float.'), ...named(quantized, 'int8.')];
  return named(which === 'float' ? float : quantized, '');
}

/** The input of a product at one call and step, in the order in which its rows were quantized. */
export function stepArray({ values, codes }: Captured, which: 'values' | 'codes'): NamedArray {
  const [dtype, data] = which === 'values' ? (['float32', values] as const) : (['uint8', codes] as const);
  return { name: which, dtype, shape: [data.length], data };
}

/**
 * A product's input at every call and step, one row each: `values` and `codes` [entries, count] with
 * `scale`, `zero_point`, `call` and `step` [entries]; where entries have different lengths, `values.0`, ….
 */
export function activationArrays(found: readonly Captured[]): NamedArray[] {
  const column = (name: string, dtype: 'float64' | 'int32', pick: (record: Captured['record']) => number) => {
    const values = found.map(({ record }) => pick(record));
    return {
      name,
      dtype,
      shape: [found.length],
      data: dtype === 'int32' ? Int32Array.from(values) : Float64Array.from(values),
    };
  };
  const columns = [
    column('scale', 'float64', ({ scale }) => scale),
    column('zero_point', 'int32', ({ zeroPoint }) => zeroPoint),
    column('call', 'int32', ({ call }) => call),
    column('step', 'int32', ({ step }) => step),
  ];
  const [{ values: first }] = found;
  if (found.some(({ values }) => values.length !== first.length)) {
    const each = found.flatMap(({ values, codes }, i): NamedArray[] => [
      { name: `values.${i}`, dtype: 'float32', shape: [values.length], data: values },
      { name: `codes.${i}`, dtype: 'uint8', shape: [codes.length], data: codes },
    ]);
    return [...each, ...columns];
  }
  const shape = [found.length, first.length];
  const values = new Float32Array(found.length * first.length);
  const codes = new Uint8Array(values.length);
  for (const [i, one] of found.entries()) {
    values.set(one.values, i * first.length);
    codes.set(one.codes, i * first.length);
  }
  return [
    { name: 'values', dtype: 'float32', shape, data: values },
    { name: 'codes', dtype: 'uint8', shape, data: codes },
    ...columns,
  ];
}
