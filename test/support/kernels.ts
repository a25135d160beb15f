import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Kernels } from '../../src/engine/kernels/kernels';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { type KernelBinaries, loadWasmKernels } from '../../src/engine/kernels/wasm/loadWasmKernels';
import { kernelFiles } from '../../src/worker/kernelFiles';

// As in the engine's thread: Node 20 has relaxed SIMD behind a flag.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');

/** The files that the product ships. */
export const binaries: KernelBinaries = kernelFiles(join(__dirname, '..', '..', '..', 'dist'));

/** Every set of kernels that this machine can run, from the shipped binaries, by name. */
export function everyKernels(): ReadonlyMap<string, Kernels> {
  const { simd, relaxed, dot4 } = binaries;
  const sets = [referenceKernels, ...[{ simd }, { relaxed }, { dot4 }].map(loadWasmKernels)];
  return new Map(sets.filter((set) => set !== undefined).map((set) => [set.name, set]));
}
