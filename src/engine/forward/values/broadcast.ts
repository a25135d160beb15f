import { invalid } from '../../../core/errors';
import { type StridedTensor, viewOf } from './stridedTensor';

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let d = 0; d < a.length; d++) if (a[d] !== b[d]) return false;
  return true;
}

/** The shape that operands have together. */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): readonly number[] {
  const [first, second] = shapes;
  if (shapes.length === 2 && (second.length === 0 || sameShape(first, second))) return first;
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let d = 0; d < shape.length; d++) {
      const at = rank - shape.length + d;
      if (shape[d] === 1 || shape[d] === result[at]) continue;
      if (result[at] !== 1) {
        throw invalid(
          'E_RUN_SHAPE',
          `The size of tensor a (${result[at]}) must match the size of tensor b (${shape[d]}) at non-singleton dimension ${at}`,
          { found: shapes.map((one) => `[${one.join(', ')}]`).join(' and '), expected: 'shapes that broadcast' },
        );
      }
      result[at] = shape[d];
    }
  }
  return result;
}

/** The tensor as a view of a larger shape, with stride 0 where it repeats; −1 keeps a size. */
export function expand(tensor: StridedTensor, sizes: readonly number[]): StridedTensor {
  const { shape, strides, offset } = tensor;
  const lead = sizes.length - shape.length;
  if (lead < 0) {
    throw invalid('E_RUN_SHAPE', `expand: ${sizes.length} sizes for a tensor of ${shape.length} dimensions.`);
  }
  const target: number[] = [];
  const steps: number[] = [];
  for (let d = 0; d < sizes.length; d++) {
    const own = d < lead ? 1 : shape[d - lead];
    const size = sizes[d] === -1 && d >= lead ? own : sizes[d];
    if (size < 0 || (own !== 1 && own !== size)) {
      throw invalid(
        'E_RUN_SHAPE',
        `The expanded size of the tensor (${sizes[d]}) must match the existing size (${own}) at non-singleton dimension ${d}. Target sizes: [${sizes.join(', ')}]. Tensor sizes: [${shape.join(', ')}]`,
      );
    }
    target.push(size);
    steps.push(d < lead || (own === 1 && size !== 1) ? 0 : strides[d - lead]);
  }
  return viewOf(tensor, target, steps, offset);
}

/** A dimension counted from either end as one counted from the front. */
export function dimension(dim: number, rank: number): number {
  const range = Math.max(rank, 1);
  if (!(dim >= -range && dim < range)) {
    throw invalid(
      'E_RUN_DIM',
      `Dimension out of range (expected to be in range of [${-range}, ${range - 1}], but got ${dim})`,
    );
  }
  return dim < 0 ? dim + range : dim;
}

/** Strides of a reshape that needs no copy, or undefined: at::detail::computeStride. */
export function reshapeStrides(
  { shape, strides, count }: StridedTensor,
  target: readonly number[],
): number[] | undefined {
  if (count === 0) {
    const result = new Array<number>(target.length);
    let step = 1;
    for (let i = target.length - 1; i >= 0; i--) {
      result[i] = step;
      step *= Math.max(target[i], 1);
    }
    return result;
  }
  const result = new Array<number>(target.length).fill(1);
  let view = target.length - 1;
  let chunkStride = strides.at(-1) ?? 1;
  let inChunk = 1;
  let inView = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    inChunk *= shape[d];
    const ends = d === 0 || (shape[d - 1] !== 1 && strides[d - 1] !== inChunk * chunkStride);
    if (!ends) continue;
    while (view >= 0 && (inView < inChunk || target[view] === 1)) {
      result[view] = inView * chunkStride;
      inView *= target[view];
      view--;
    }
    if (inView !== inChunk) return undefined;
    if (d > 0) {
      chunkStride = strides[d - 1];
      inChunk = 1;
      inView = 1;
    }
  }
  for (; view >= 0; view--) {
    if (target[view] !== 1) return undefined;
    result[view] = 1;
  }
  return result;
}

/** Sizes with one −1 worked out. */
export function inferSize(sizes: readonly number[], count: number): number[] {
  const unknown = sizes.indexOf(-1);
  const known = sizes.reduce((product, size, i) => (i === unknown ? product : product * size), 1);
  const result = [...sizes];
  if (unknown >= 0 && known > 0) result[unknown] = count / known;
  const fits =
    result.every((size) => Number.isInteger(size) && size >= 0) && result.reduce((p, s) => p * s, 1) === count;
  if (!fits) throw invalid('E_RUN_SHAPE', `shape '[${sizes.join(', ')}]' is invalid for input of size ${count}`);
  return result;
}
