import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { installKernels } from '../engine/kernels/dispatch';
import type { KernelBinaries } from '../engine/kernels/wasm/loadWasmKernels';

/** Loads the compiled kernels that lie beside the thread's bundle; without them the reference does the work. */
export function installKernelFiles(folder: string): void {
  // Node 20 has relaxed SIMD behind a flag; later ones have it on and complain about the flag.
  if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
  installKernels(kernelFiles(folder));
}

/** Those that are there. */
export function kernelFiles(folder: string): KernelBinaries {
  const read = (name: string) => readIfThere(join(folder, `${name}.wasm`));
  return { simd: read('kernels'), relaxed: read('kernelsRelaxed'), dot4: read('kernelsDot4') };
}

/** Those for shared memory. */
export function sharedKernelFiles(folder: string): KernelBinaries {
  const read = (name: string) => readIfThere(join(folder, `${name}.wasm`));
  return { relaxed: read('kernelsThreads'), dot4: read('kernelsDot4Threads') };
}

function readIfThere(file: string): Uint8Array | undefined {
  return existsSync(file) ? readFileSync(file) : undefined;
}
