import { invalid } from '../../core/errors';
import { type FloatTensor, floatTensor, type Tensor } from '../tensor/tensor';
import { indexInput, integerInput, optionalFloat } from './inputs';
import type { ModuleInputs } from './module';

/** The rows of a table, by index. PyTorch's max_norm shortens a row at its first look-up; 1e-7 keeps it from dividing by zero. */
export interface Table {
  readonly rows: number;
  readonly width: number;
  row(index: number): ArrayLike<number>;
}

export interface NormLimit {
  readonly maxNorm: number;
  readonly normType: number;
}

export function floatTable({ data, shape: [rows, width] }: FloatTensor, limit?: NormLimit): Table {
  const plain = (index: number) => data.subarray(index * width, (index + 1) * width);
  return { rows, width, row: limit === undefined ? plain : (index) => shortened(plain(index), limit) };
}

function shortened(row: Float32Array, { maxNorm, normType }: NormLimit): Float32Array {
  let norm = 0;
  if (normType === Number.POSITIVE_INFINITY) for (const value of row) norm = Math.max(norm, Math.abs(value));
  else {
    for (const value of row) norm += Math.abs(value) ** normType;
    norm **= 1 / normType;
  }
  return norm > maxNorm ? row.map((value) => value * Math.fround(maxNorm / (norm + 1e-7))) : row;
}

/** torch.nn.Embedding: indices [*] to rows [*, width]. */
export function embedding(table: Table, input: Tensor | undefined): FloatTensor {
  const indices = indexInput(input, table.rows);
  const out = new Float32Array(indices.length * table.width);
  for (const [i, index] of indices.entries()) out.set(table.row(index), i * table.width);
  return floatTensor(out, [...(input?.shape ?? []), table.width]);
}

export type BagMode = 'sum' | 'mean' | 'max';

export interface BagOptions {
  readonly mode: BagMode;
  readonly includeLastOffset: boolean;
  /** Rows of this index count for nothing. */
  readonly paddingIdx: number | undefined;
}

/** The bags of an EmbeddingBag's arguments input, offsets, per_sample_weights: indices, and where each bag ends. */
export interface Bags {
  readonly indices: Float64Array;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly weights: Float32Array | undefined;
}

/** Checks and lays out the arguments: a 2-D input is one bag a row, a 1-D input is cut at the offsets. */
export function bagsOf(rows: number, options: BagOptions, inputs: ModuleInputs): Bags {
  const indices = indexInput(inputs[0], rows);
  const shape = inputs[0]?.shape ?? [];
  const weights = optionalFloat(inputs[2], 'per_sample_weights')?.data;
  if (weights !== undefined && weights.length !== indices.length) {
    throw invalid('E_SHAPE', `per_sample_weights must have the shape of the input, [${shape.join(', ')}].`);
  }
  if (shape.length === 2) {
    const starts = Array.from({ length: shape[0] }, (_, i) => i * shape[1]);
    return { indices, starts, ends: starts.map((start) => start + shape[1]), weights };
  }
  if (shape.length !== 1)
    throw invalid('E_SHAPE', `input has to be 1D or 2D Tensor, but got Tensor of dimension ${shape.length}`);
  const offsets = [...integerInput(inputs[1], 'offsets')];
  const sound =
    offsets[0] === 0 && offsets.every((offset, i) => offset <= indices.length && (i === 0 || offset >= offsets[i - 1]));
  if (offsets.length > 0 && !sound)
    throw invalid('E_OFFSETS', 'The offsets of the bags must rise from 0 to at most the number of indices.');
  if (options.includeLastOffset) return { indices, starts: offsets.slice(0, -1), ends: offsets.slice(1), weights };
  return { indices, starts: offsets, ends: [...offsets.slice(1), indices.length].slice(0, offsets.length), weights };
}

/** torch.nn.EmbeddingBag: the sum, mean or maximum of the rows of each bag; an empty bag gives zeros. */
export function embeddingBag(table: Table, options: BagOptions, inputs: ModuleInputs): FloatTensor {
  const { indices, starts, ends, weights } = bagsOf(table.rows, options, inputs);
  if (weights !== undefined && options.mode !== 'sum') {
    throw invalid(
      'E_ARGUMENT',
      `per_sample_weights was not None; it is only supported for mode='sum' (got mode='${options.mode}').`,
    );
  }
  const out = new Float32Array(starts.length * table.width);
  for (let bag = 0; bag < starts.length; bag++) {
    const sums = new Float64Array(table.width);
    let count = 0;
    for (let i = starts[bag]; i < ends[bag]; i++) {
      if (indices[i] === options.paddingIdx) continue;
      const row = table.row(indices[i]);
      const weight = weights?.[i] ?? 1;
      for (let j = 0; j < table.width; j++) {
        const value = row[j] * weight;
        sums[j] = options.mode !== 'max' ? sums[j] + value : count === 0 ? value : Math.max(sums[j], value);
      }
      count++;
    }
    const divisor = options.mode === 'mean' ? Math.max(count, 1) : 1;
    out.set(
      sums.map((sum) => sum / divisor),
      bag * table.width,
    );
  }
  return floatTensor(out, [starts.length, table.width]);
}
