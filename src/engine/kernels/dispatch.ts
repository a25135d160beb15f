import type { Kernels } from './kernels';
import { referenceKernels } from './reference/referenceKernels';
import { type KernelBinaries, loadWasmKernels, type SharedKernels } from './wasm/loadWasmKernels';

let selected: Kernels = referenceKernels;
let shared: Kernels | undefined;

/** The fastest kernels that this machine can run. */
export function selectKernels(): Kernels {
  return shared ?? selected;
}

/** Loads the WebAssembly kernels for this thread; where the machine refuses them the reference stays. */
export function installKernels(binaries: KernelBinaries): Kernels {
  selected = loadWasmKernels(binaries) ?? referenceKernels;
  return selected;
}

/** Kernels on several threads from now on, or again on this one alone. */
export function useShared(kernels: SharedKernels | undefined): void {
  shared = kernels?.kernels;
}
