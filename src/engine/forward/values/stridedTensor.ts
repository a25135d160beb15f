import type { DType } from '../../../core/dtype';
import { invalid } from '../../../core/errors';
import { contiguousStrides, isContiguous, numel } from '../../../core/shape';
import type { Budget } from '../interpreter/budget';
import { castInto, type Elements, type ElementType, elementBytes, elementType, newElements } from './elements';

/** Elements in memory that several views may share. */
export class Storage {
  /**
   * Whether the kernels hold a packed copy of these values, as they do of weights; `stale` once a program has
   * written over the values after that.
   */
  packed: 'no' | 'yes' | 'stale' = 'no';
  /** Called before each write by a program, for storages whose values somebody wants back. */
  beforeWrite: ((budget: Budget) => void) | undefined = undefined;

  constructor(
    readonly type: ElementType,
    readonly data: Elements,
  ) {}
}

/** Scales and zero points of a tensor of int8 codes: one, or one a channel. */
export interface QuantizedCodes {
  readonly axis: number | null;
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
}

/** A view of a storage: what programs call a tensor. Sizes, strides and the offset count elements. */
export class StridedTensor {
  constructor(
    readonly storage: Storage,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly offset: number,
    /** Only for the weights of quantized modules. */
    readonly qparams?: QuantizedCodes,
  ) {}

  get type(): ElementType {
    return this.storage.type;
  }

  get dtype(): DType {
    return this.storage.type;
  }

  get rank(): number {
    return this.shape.length;
  }

  get count(): number {
    return numel(this.shape);
  }

  get contiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }
}

/** A tensor of zeros; charged before it is made. */
export function emptyTensor(budget: Budget, type: ElementType, shape: readonly number[]): StridedTensor {
  const count = checkedCount(shape);
  budget.allocate(count * elementBytes(type));
  return new StridedTensor(new Storage(type, newElements(type, count)), shape, contiguousStrides(shape), 0);
}

/** Elements of a shape that a program asks for. */
export function checkedCount(shape: readonly number[]): number {
  for (const size of shape) {
    if (!Number.isSafeInteger(size)) throw invalid('E_RUN_SHAPE', `A size must be a whole number, not ${size}.`);
    if (size < 0) {
      throw invalid('E_RUN_SHAPE', `Trying to create tensor with negative dimension ${size}: [${shape.join(', ')}]`);
    }
  }
  return numel(shape);
}

/** Existing elements as a row-major tensor. */
export function wrapElements(type: ElementType, data: Elements, shape: readonly number[]): StridedTensor {
  return new StridedTensor(new Storage(type, data), shape, contiguousStrides(shape), 0);
}

/** Values cast to a type as a new tensor. */
export function tensorOf(
  budget: Budget,
  type: ElementType,
  values: ArrayLike<number>,
  shape: readonly number[],
): StridedTensor {
  const tensor = emptyTensor(budget, type, shape);
  castInto(type, values, tensor.storage.data);
  return tensor;
}

export function scalarTensor(type: ElementType, value: number): StridedTensor {
  return wrapElements(type, castInto(type, [value], newElements(type, 1)), []);
}

/** Another view of the same storage. */
export function viewOf(
  { storage }: StridedTensor,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): StridedTensor {
  return new StridedTensor(storage, shape, strides, offset);
}

/** The elements in row-major order: the storage's own memory where the view is contiguous, else a copy. */
export function dense(budget: Budget, tensor: StridedTensor): Elements {
  const { storage, offset, count } = tensor;
  if (tensor.contiguous) {
    return offset === 0 && storage.data.length === count ? storage.data : storage.data.subarray(offset, offset + count);
  }
  budget.allocate(count * elementBytes(storage.type));
  budget.compute(count);
  const out = newElements(storage.type, count);
  gather(tensor, out);
  return out;
}

/** Elements from which on copying a row by the runtime is faster than a loop. */
const rowsCopiedWhole = 32;

/** Copies a strided view into row-major order, the innermost dimension in one loop. */
function gather({ storage: { data }, shape, strides, offset }: StridedTensor, out: Elements): void {
  if (out.length === 0) return;
  const last = shape.length - 1;
  const inner = shape[last];
  const step = strides[last];
  let to = 0;
  const whole = step === 1 && inner >= rowsCopiedWhole;
  forEachRow(shape, strides, offset, (from) => {
    if (whole) {
      out.set(data.subarray(from, from + inner), to);
      to += inner;
    } else for (let i = 0, at = from; i < inner; i++, at += step) out[to++] = data[at];
  });
}

/** Writes row-major values (cast already) through a view. */
export function scatter(
  budget: Budget,
  { storage, shape, strides, offset }: StridedTensor,
  values: ArrayLike<number>,
): void {
  const count = numel(shape);
  budget.compute(count);
  if (count === 0) return;
  storage.beforeWrite?.(budget);
  if (storage.packed === 'yes') storage.packed = 'stale';
  const { data } = storage;
  if (isContiguous(shape, strides)) {
    castInto(storage.type, values, data.subarray(offset, offset + count));
    return;
  }
  refuseOverlap(shape, strides);
  const cast =
    storage.type === 'bool' || storage.type === 'int64'
      ? castInto(storage.type, values, newElements(storage.type, count))
      : values;
  const last = shape.length - 1;
  let from = 0;
  forEachRow(shape, strides, offset, (to) => {
    for (let i = 0, at = to; i < shape[last]; i++, at += strides[last]) data[at] = cast[from++];
  });
}

/** Writing through an expanded view would write one element several times: PyTorch refuses. */
function refuseOverlap(shape: readonly number[], strides: readonly number[]): void {
  if (shape.some((size, d) => size > 1 && strides[d] === 0)) {
    throw invalid(
      'E_RUN_WRITE',
      'unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.',
    );
  }
}

/** Calls back with the memory offset of every innermost row, in row-major order. Rank 1 at least. */
function forEachRow(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  row: (at: number) => void,
): void {
  const outer = shape.length - 1;
  const index = new Array<number>(outer).fill(0);
  let at = offset;
  for (;;) {
    row(at);
    let d = outer - 1;
    for (; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

/** The same values contiguous: the tensor itself when it is. */
export function contiguous(budget: Budget, tensor: StridedTensor): StridedTensor {
  return tensor.contiguous ? tensor : wrapElements(tensor.type, dense(budget, tensor), tensor.shape);
}

/** A new tensor with the same values. */
export function clone(budget: Budget, tensor: StridedTensor): StridedTensor {
  if (!tensor.contiguous) return contiguous(budget, tensor);
  return tensorOf(budget, tensor.type, dense(budget, tensor), tensor.shape);
}

/** Another element type; the tensor itself when it has it already. */
export function cast(budget: Budget, tensor: StridedTensor, dtype: DType): StridedTensor {
  const type = elementType(dtype);
  return type === tensor.type ? tensor : tensorOf(budget, type, dense(budget, tensor), tensor.shape);
}

/** The one element of a tensor. */
export function onlyElement(tensor: StridedTensor): number {
  if (tensor.count !== 1) {
    throw invalid('E_RUN_TYPE', `a Tensor with ${tensor.count} elements cannot be converted to Scalar`);
  }
  return tensor.storage.data[tensor.offset];
}
