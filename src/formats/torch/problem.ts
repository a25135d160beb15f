import type { ErrorDetails } from '../../core/errors';
import type { TensorRecord } from '../types';

/** Thrown inside the interpreter of rebuild functions; it becomes the tensor's `problem`. */
export class Problem {
  constructor(
    readonly code: string,
    readonly message: string,
    readonly compare: {
      readonly found?: string;
      readonly expected?: string;
      /** Of the opcode that is to blame, where that is not the call that makes the tensor. */
      readonly offset?: number;
    } = {},
    readonly kind: ErrorDetails['kind'] = 'malformed',
  ) {}
}

/** A tensor of which nothing is known but that it cannot be read. */
export const unreadable: TensorRecord = {
  dtype: 'uint8',
  shape: [],
  strides: [],
  storageOffset: 0,
  storage: { key: '', dtype: 'uint8', location: '', numel: 0, entry: '' },
  requiresGrad: false,
};

export function problemDetails(
  { code, message, compare, kind }: Problem,
  entry: string | undefined,
  offset: number,
): ErrorDetails {
  const { found, expected } = compare;
  return { code, kind, message, where: { entry, offset: compare.offset ?? offset }, found, expected };
}
