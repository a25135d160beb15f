import { type DType, dtypes } from '../../core/dtype';

/**
 * Whether a strided view lies inside its storage: the one check that every kind of tensor passes.
 * Computed in BigInt, since products of hostile sizes leave the doubles' exact range.
 * `offset`, sizes and strides count elements. Returns undefined, or what is wrong.
 */
export function viewFits(
  storageBytes: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  dtype: DType,
): { readonly found: string; readonly expected: string } | undefined {
  if (shape.length !== strides.length) {
    return { found: `${strides.length} strides`, expected: `${shape.length}, one for each size` };
  }
  if (offset < 0 || shape.some((size) => size < 0) || strides.some((stride) => stride < 0)) {
    return { found: 'a negative offset, size or stride', expected: 'none below 0' };
  }
  const count = shape.reduce((product, size) => product * Math.max(size, 1), 1);
  if (count > Number.MAX_SAFE_INTEGER)
    return { found: 'more than 2^53 elements', expected: 'a size that can be counted' };
  if (shape.includes(0)) return undefined;
  let last = BigInt(offset);
  for (let i = 0; i < shape.length; i++) last += BigInt(shape[i] - 1) * BigInt(strides[i]);
  const elements = BigInt(Math.floor(storageBytes / dtypes[dtype].bytes));
  return last < elements
    ? undefined
    : { found: `element ${last}`, expected: `a storage of more than ${last} elements; it has ${elements}` };
}
