import { invalid } from '../../core/errors';
import type { FloatTensor, Tensor } from '../tensor/tensor';

/** Checks that forwards share: what a module was given, in the words that PyTorch uses where it has some. */

/** The argument as float32; E_DTYPE for another dtype, E_SHAPE for one that is missing. */
export function floatInput(tensor: Tensor | undefined, name = 'input'): FloatTensor {
  if (tensor === undefined) throw invalid('E_SHAPE', `The argument ${name} is missing.`);
  if (tensor.dtype !== 'float32') {
    throw invalid('E_DTYPE', `The argument ${name} must be float32, got ${tensor.dtype}.`, {
      expected: 'float32',
      found: tensor.dtype,
    });
  }
  return tensor as FloatTensor;
}

export function optionalFloat(tensor: Tensor | undefined, name: string): FloatTensor | undefined {
  return tensor === undefined ? undefined : floatInput(tensor, name);
}

/** Whole numbers 0 … limit − 1 of an int64 or int32 tensor; E_DTYPE or E_INDEX otherwise. */
export function indexInput(tensor: Tensor | undefined, limit: number, name = 'input'): Float64Array {
  const values = integerInput(tensor, name);
  for (const value of values) {
    if (!(value >= 0 && value < limit)) {
      throw invalid('E_INDEX', 'index out of range in self', {
        found: String(value),
        expected: `0 to ${limit - 1}`,
      });
    }
  }
  return values;
}

/** The values of an int64 or int32 tensor as numbers. */
export function integerInput(tensor: Tensor | undefined, name: string): Float64Array {
  if (tensor === undefined) throw invalid('E_SHAPE', `The argument ${name} is missing.`);
  if (tensor.dtype !== 'int64' && tensor.dtype !== 'int32') {
    throw invalid('E_DTYPE', `Expected ${name} to be int64 or int32, got ${tensor.dtype}.`, {
      expected: 'int64 or int32',
      found: tensor.dtype,
    });
  }
  return Float64Array.from(tensor.data as BigInt64Array, Number);
}
