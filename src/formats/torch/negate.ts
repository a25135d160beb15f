import { type DType, dtypes } from '../../core/dtype';
import { unsupported } from '../../core/errors';
import type { TensorRecord } from '../types';

/**
 * Turns the sign of what PyTorch's lazy conj and neg name. A float's sign is its highest bit, in
 * little-endian order that of its last byte.
 */
export function negate(bytes: Uint8Array, dtype: DType, which: NonNullable<TensorRecord['negated']>): Uint8Array {
  const { bytes: itemBytes, kind } = dtypes[dtype];
  if (kind !== 'float' && kind !== 'complex') {
    throw unsupported('E_PT_NEGATED', `A negated view of ${dtype} cannot be read.`);
  }
  const complex = kind === 'complex';
  const width = complex ? itemBytes / 2 : itemBytes;
  const step = complex && which !== 'all' ? itemBytes : width;
  const first = complex && which === 'imaginary' ? itemBytes - 1 : width - 1;
  const out = bytes.slice();
  for (let i = first; i < out.length; i += step) out[i] ^= 0x80;
  return out;
}
