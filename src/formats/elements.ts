import { type DType, dtypes } from '../core/dtype';
import { numel } from '../core/shape';

/**
 * Elements of a strided view in row-major order. `raw` starts with the view's first element; sizes
 * and strides count elements of `itemBytes`, which is 1, 2 or a multiple of 4.
 */
export function rowMajor(
  raw: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  itemBytes: number,
): Uint8Array {
  // Wide elements are rows of words, so that no value passes through a float on its way.
  const unit = Math.min(itemBytes, 4);
  const words = itemBytes / unit;
  const sizes = words === 1 ? shape : [...shape, words];
  const steps = words === 1 ? strides : [...strides.map((stride) => stride * words), 1];
  const count = numel(sizes);
  const from = unitsOf(raw, unit);
  const to = unitsOf(new Uint8Array(count * unit), unit);
  copyStrided(from, to, sizes, steps);
  return new Uint8Array(to.buffer);
}

/** The bytes as units of 1, 2 or 4; copied only where they do not start at a multiple of that. */
function unitsOf(bytes: Uint8Array, unit: number): Uint8Array | Uint16Array | Uint32Array {
  if (unit === 1) return bytes;
  const { buffer, byteOffset } = bytes.byteOffset % unit === 0 ? bytes : bytes.slice();
  const length = Math.floor(bytes.length / unit);
  return unit === 2 ? new Uint16Array(buffer, byteOffset, length) : new Uint32Array(buffer, byteOffset, length);
}

function copyStrided(
  from: Uint8Array | Uint16Array | Uint32Array,
  to: Uint8Array | Uint16Array | Uint32Array,
  sizes: readonly number[],
  strides: readonly number[],
): void {
  const index = new Array<number>(sizes.length).fill(0);
  let at = 0;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at];
    for (let d = sizes.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < sizes[d]) break;
      at -= strides[d] * sizes[d];
      index[d] = 0;
    }
  }
}

/** Bytes in reverse within each element, in place; each half of a complex number by itself. */
export function swapBytes(bytes: Uint8Array, dtype: DType): Uint8Array {
  const { bytes: itemBytes, kind } = dtypes[dtype];
  const width = kind === 'complex' ? itemBytes / 2 : itemBytes;
  for (let at = 0; width > 1 && at + width <= bytes.length; at += width)
    for (let low = at, high = at + width - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  return bytes;
}
