import type { Kernels } from './kernels';
import { referenceKernels } from './reference/referenceKernels';

/** The fastest kernels that this machine can run. */
export function selectKernels(): Kernels {
  return referenceKernels;
}
