import type { Kernels } from './kernels';
import { referenceKernels } from './reference/referenceKernels';
import { type KernelBinaries, loadWasmKernels } from './wasm/loadWasmKernels';

let selected: Kernels = referenceKernels;

/** The fastest kernels that this machine can run. */
export function selectKernels(): Kernels {
  return selected;
}

/** Loads the WebAssembly kernels for this thread; where the machine refuses them the reference stays. */
export function installKernels(binaries: KernelBinaries): Kernels {
  selected = loadWasmKernels(binaries) ?? referenceKernels;
  return selected;
}
