import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { installKernels } from '../engine/kernels/dispatch';

/** Loads the compiled kernels that lie beside the thread's bundle; without them the reference does the work. */
export function installKernelFiles(folder: string): void {
  const simd = join(folder, 'kernels.wasm');
  const relaxed = join(folder, 'kernelsRelaxed.wasm');
  if (!existsSync(simd)) return;
  // Node 20 has relaxed SIMD behind a flag; later ones have it on and complain about the flag.
  if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
  installKernels({ simd: readFileSync(simd), relaxed: existsSync(relaxed) ? readFileSync(relaxed) : undefined });
}
