import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Kernels } from '../../src/engine/kernels/kernels';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { loadWasmKernels } from '../../src/engine/kernels/wasm/loadWasmKernels';

// As in the engine's thread: Node 20 has relaxed SIMD behind a flag.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');

/** One of the files that the product ships. */
export function binary(name: 'kernels.wasm' | 'kernelsRelaxed.wasm'): Uint8Array {
  return readFileSync(join(__dirname, '..', '..', '..', 'dist', name));
}

/** Every set of kernels that this machine can run, from the shipped binaries, by name. */
export function everyKernels(): ReadonlyMap<string, Kernels> {
  const simd = binary('kernels.wasm');
  const sets = [
    referenceKernels,
    loadWasmKernels({ simd }),
    loadWasmKernels({ simd, relaxed: binary('kernelsRelaxed.wasm') }),
  ];
  return new Map(sets.filter((set) => set !== undefined).map((set) => [set.name, set]));
}
