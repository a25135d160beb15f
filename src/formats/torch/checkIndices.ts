import type { AbortCheck } from '../../core/abort';
import { byteLength, dtypes } from '../../core/dtype';
import type { ErrorDetails } from '../../core/errors';
import { QuantscopeError } from '../../core/errors';
import { numel } from '../../core/shape';
import type { NamedTensor, TensorRecord } from '../types';
import type { Composite } from './parts';

/** Index tensors that are larger are not looked through on opening. */
const maxIndexBytes = 1 << 20;
const maxComposites = 1_000;

export interface PlacedComposite extends Composite {
  /** Index of the first part in the list of tensors. */
  readonly at: number;
}

type Read = (tensor: TensorRecord, abort: AbortCheck) => Promise<Uint8Array>;

/**
 * Looks through the indices of sparse and nested tensors: an index outside the tensor is how
 * CVE-2025-62164 wrote outside memory. What is wrong becomes the index tensor's problem.
 */
export async function checkIndices(
  tensors: NamedTensor[],
  composites: readonly PlacedComposite[],
  read: Read,
  abort: AbortCheck,
): Promise<void> {
  for (const composite of composites.slice(0, maxComposites)) {
    const indices = composite.parts.filter(({ name }) => !/^(values|buffer|)$/.test(name));
    const numbers = new Map<string, number[]>();
    for (const { name, tensor } of indices) {
      const values = await readIndex(tensor, read, abort);
      if (values !== undefined) numbers.set(name, values);
    }
    if (numbers.size !== indices.length) continue;
    const wrong = firstWrong(composite, numbers);
    if (wrong === undefined) continue;
    const problem = problemOf(wrong, composite);
    for (const [i, { name, tensor }] of composite.parts.entries()) {
      if (!numbers.has(name)) continue;
      tensors[composite.at + i] = { ...tensors[composite.at + i], tensor: { ...tensor, problem } };
    }
  }
}

async function readIndex(tensor: TensorRecord, read: Read, abort: AbortCheck): Promise<number[] | undefined> {
  const width = tensor.dtype === 'int64' ? 8 : tensor.dtype === 'int32' ? 4 : 0;
  if (width === 0 || byteLength(tensor.dtype, numel(tensor.shape)) > maxIndexBytes) return undefined;
  try {
    const bytes = await read(tensor, abort);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / width }, (_, i) =>
      width === 8 ? Number(view.getBigInt64(i * 8, true)) : view.getInt32(i * 4, true),
    );
  } catch (error) {
    // A part that cannot be read says so itself.
    if (error instanceof QuantscopeError && error.details.kind !== 'aborted') return undefined;
    throw error;
  }
}

function firstWrong(composite: Composite, numbers: ReadonlyMap<string, number[]>): Wrong | undefined {
  const { layout, shape, parts } = composite;
  if (layout === 'sparse_coo') return wrongCoo(numbers.get('indices') ?? [], shape ?? []);
  if (layout === 'nested') return wrongNested(composite, numbers);
  if (layout === 'jagged')
    return wrongPointers(numbers.get('offsets') ?? [], parts[0].tensor.shape[0], undefined, 'offsets');
  const byRow = layout === 'sparse_csr' || layout === 'sparse_bsr';
  const rank = shape?.length ?? 0;
  const pointersName = byRow ? 'crow_indices' : 'ccol_indices';
  const plainName = byRow ? 'col_indices' : 'row_indices';
  const pointerPart = parts.find(({ name }) => name === pointersName)?.tensor;
  // Batches have several pointer rows; each of them starts at 0 again.
  if (pointerPart?.shape.length !== 1 || rank < 2) return undefined;
  const values = parts.find(({ name }) => name === 'values')?.tensor.shape ?? [];
  const block = layout.startsWith('sparse_bs') ? values.slice(1, 3) : [1, 1];
  const rows = (shape?.[rank - 2] ?? 0) / (block[0] || 1);
  const columns = (shape?.[rank - 1] ?? 0) / (block[1] || 1);
  const [outer, inner] = byRow ? [rows, columns] : [columns, rows];
  return (
    wrongPointers(numbers.get(pointersName) ?? [], values[0], outer, pointersName) ??
    wrongRange(numbers.get(plainName) ?? [], inner, plainName)
  );
}

/** A number that cannot be, at `index` of the part. */
interface Wrong {
  readonly part: string;
  readonly index: number;
  readonly message: string;
  readonly found: string;
  readonly expected: string;
}

function problemOf({ part, index, message, found, expected }: Wrong, { parts }: Composite): ErrorDetails {
  const tensor = parts.find(({ name }) => name === part)?.tensor;
  const offset = tensor && (tensor.storageOffset + index) * dtypes[tensor.dtype].bytes;
  const where = { entry: tensor?.storage.entry, offset, field: part };
  return { code: 'E_PT_SPARSE_INDEX', kind: 'malformed', message, where, found, expected };
}

function wrongCoo(indices: readonly number[], shape: readonly number[]): Wrong | undefined {
  const dimensions = Math.min(shape.length, 64);
  const count = dimensions === 0 ? 0 : indices.length / dimensions;
  for (let i = 0; i < indices.length; i++) {
    const size = shape[Math.floor(i / count)];
    if (size === undefined) return undefined;
    if (indices[i] < 0 || indices[i] >= size) {
      return {
        part: 'indices',
        index: i,
        message: 'An index of a sparse tensor lies outside it.',
        found: `index ${indices[i]}`,
        expected: `0 to ${size - 1}`,
      };
    }
  }
  return undefined;
}

function wrongPointers(
  pointers: readonly number[],
  count: number | undefined,
  outer: number | undefined,
  part: string,
): Wrong | undefined {
  if (outer !== undefined && pointers.length !== outer + 1) {
    const message = `${part} has the wrong length.`;
    return { part, index: 0, message, found: `${pointers.length} entries`, expected: `${outer + 1}` };
  }
  if (pointers[0] !== 0 || pointers.at(-1) !== count) {
    return {
      part,
      index: pointers[0] === 0 ? Math.max(0, pointers.length - 1) : 0,
      message: `${part} does not run from 0 to the number of values.`,
      found: `${pointers[0]} to ${pointers.at(-1)}`,
      expected: `0 to ${count}`,
    };
  }
  const index = pointers.findIndex((value, i) => i > 0 && value < pointers[i - 1]);
  if (index < 0) return undefined;
  const message = `${part} decreases at entry ${index}.`;
  return { part, index, message, found: `${pointers[index]}`, expected: `at least ${pointers[index - 1]}` };
}

function wrongRange(indices: readonly number[], size: number, part: string): Wrong | undefined {
  const index = indices.findIndex((value) => value < 0 || value >= size);
  if (index < 0) return undefined;
  const message = `An entry of ${part} lies outside the tensor.`;
  return { part, index, message, found: `index ${indices[index]}`, expected: `0 to ${size - 1}` };
}

/** Every inner tensor must lie inside the buffer. */
function wrongNested({ parts }: Composite, numbers: ReadonlyMap<string, number[]>): Wrong | undefined {
  const [buffer, sizes] = parts;
  const capacity = numel(buffer.tensor.shape);
  const rank = sizes.tensor.shape[1] ?? 0;
  const sizeNumbers = numbers.get('sizes') ?? [];
  const strideNumbers = numbers.get('strides') ?? [];
  const offsets = numbers.get('offsets') ?? [];
  for (const [i, offset] of offsets.entries()) {
    let last = offset;
    const own = sizeNumbers.slice(i * rank, (i + 1) * rank);
    for (const [d, size] of own.entries()) last += (size - 1) * (strideNumbers[i * rank + d] ?? 0);
    if (own.includes(0)) continue;
    if (offset < 0 || own.some((size) => size < 0) || !(last >= 0 && last < capacity)) {
      return {
        part: 'offsets',
        index: i,
        message: `Tensor ${i} of a nested tensor lies outside its buffer.`,
        found: `element ${last}`,
        expected: `0 to ${capacity - 1}`,
      };
    }
  }
  return undefined;
}
