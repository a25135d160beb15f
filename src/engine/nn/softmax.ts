import { invalid } from '../../core/errors';
import type { LayerKernels } from '../kernels/layerKernels';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { transposed } from './rearrange';

/** Sizes before, of, and after a dimension: an element sits at `(o · size + i) · inner + j`. */
export interface Axis {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** The dimension `dim`, which may count from the end; E_DIMENSION where the tensor has none such. */
export function axisOf(shape: readonly number[], dim: number): Axis {
  const rank = Math.max(shape.length, 1);
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank) {
    throw invalid(
      'E_DIMENSION',
      `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${dim})`,
    );
  }
  const at = dim < 0 ? dim + rank : dim;
  const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);
  return { outer: product(shape.slice(0, at)), size: shape[at] ?? 1, inner: product(shape.slice(at + 1)) };
}

/** torch's softmax, log_softmax and softmin over one dimension, summed in double. */
export function softmax(
  { data, shape }: FloatTensor,
  dim: number,
  kind: 'softmax' | 'log' | 'min',
  { layers }: { readonly layers: LayerKernels },
): FloatTensor {
  const axis = axisOf(shape, dim);
  const rows = axis.inner === 1 ? data : swapInner(data, axis);
  const given = kind === 'min' ? rows.map((value) => -value) : rows;
  const out = new Float32Array(data.length);
  if (kind === 'log') logSoftmax(given, axis.size, out);
  else layers.softmax(given, axis.size, out);
  const { outer, size, inner } = axis;
  return floatTensor(inner === 1 ? out : swapInner(out, { outer, size: inner, inner: size }), shape);
}

/** [outer, size, inner] to [outer, inner, size]. */
function swapInner(data: Float32Array, { outer, size, inner }: Axis): Float32Array {
  const swapped = new Float32Array(data.length);
  for (let o = 0; o < outer; o++) {
    const start = o * size * inner;
    swapped.set(transposed(data.subarray(start, start + size * inner), size, inner), start);
  }
  return swapped;
}

function logSoftmax(x: Float32Array, size: number, out: Float32Array): void {
  for (let start = 0; start < x.length; start += size) {
    let max = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + size; i++) max = Math.max(max, x[i]);
    let sum = 0;
    for (let i = start; i < start + size; i++) sum += Math.exp(x[i] - max);
    const logSum = Math.log(sum);
    for (let i = start; i < start + size; i++) out[i] = x[i] - max - logSum;
  }
}

/** torch.nn.Softmax without dim: 0 for tensors of rank 0, 1 and 3, else 1. */
export function implicitDimension(rank: number): number {
  return rank === 0 || rank === 1 || rank === 3 ? 0 : 1;
}

/** torch.nn.functional.glu: the first half times the sigmoid of the second. */
export function glu({ data, shape }: FloatTensor, dim: number): FloatTensor {
  const { outer, size, inner } = axisOf(shape, dim);
  if (size % 2 !== 0) {
    throw invalid('E_SHAPE', `Halving dimension must be even, but dimension ${dim} is size ${size}`);
  }
  const half = (size / 2) * inner;
  const out = new Float32Array(data.length / 2);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < half; i++) {
      const at = o * size * inner + i;
      out[o * half + i] = data[at] / (1 + Math.exp(-data[at + half]));
    }
  }
  const halved = [...shape];
  halved[dim < 0 ? dim + shape.length : dim] = size / 2;
  return floatTensor(out, halved);
}
