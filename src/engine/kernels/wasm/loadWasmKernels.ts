import type { Kernels } from '../kernels';
import { controlWords, Team } from './team';
import { WasmHeap } from './wasmHeap';
import { WasmKernels } from './wasmKernels';
import { type KernelExports, maxMemoryPages, type WasmMemory, webAssembly } from './webAssembly';

/** The two compiled forms of assembly/index.ts. */
export interface KernelBinaries {
  readonly simd: Uint8Array;
  readonly relaxed?: Uint8Array;
}

/** The fastest form that this machine validates and computes correctly; undefined when it has no SIMD. */
export function loadWasmKernels({ simd, relaxed }: KernelBinaries): Kernels | undefined {
  return (relaxed && instantiate('wasm relaxed simd', relaxed, true)) ?? instantiate('wasm simd', simd, false);
}

function instantiate(name: string, bytes: Uint8Array, relaxed: boolean): Kernels | undefined {
  if (webAssembly === undefined || !webAssembly.validate(bytes)) return undefined;
  const memory = new webAssembly.Memory({ initial: 16, maximum: maxMemoryPages });
  const { exports } = new webAssembly.Instance(new webAssembly.Module(bytes), { env: { memory } });
  const kernels = exports as KernelExports;
  if (relaxed && !takesUnsignedBytes(kernels)) return undefined;
  return new WasmKernels(name, kernels, new WasmHeap(memory, kernels.heapBase()), relaxed);
}

/** Kernels that share their memory with helpers: what a helper needs to join, and the team of them. */
export interface SharedKernels {
  readonly kernels: Kernels;
  readonly team: Team;
  readonly module: object;
  readonly memory: WasmMemory;
  readonly control: Int32Array;
}

/** The relaxed form compiled for shared memory; undefined where the machine lacks either. */
export function loadSharedKernels(bytes: Uint8Array): SharedKernels | undefined {
  if (webAssembly === undefined || typeof SharedArrayBuffer === 'undefined' || !webAssembly.validate(bytes)) {
    return undefined;
  }
  const memory = new webAssembly.Memory({ initial: 16, maximum: maxMemoryPages, shared: true });
  const module = new webAssembly.Module(bytes);
  const exports = new webAssembly.Instance(module, { env: { memory } }).exports as KernelExports;
  if (!takesUnsignedBytes(exports)) return undefined;
  const control = new Int32Array(new SharedArrayBuffer(4 * controlWords));
  const team = new Team(control);
  const heap = new WasmHeap(memory, exports.heapBase());
  return { kernels: new WasmKernels('wasm relaxed simd', exports, heap, true, team), team, module, memory, control };
}

/**
 * The relaxed dot product is defined for bytes up to 127; what it makes of larger ones is the machine's
 * choice. The packed layout has weights up to 255 and needs them taken as unsigned, as x86 does.
 */
function takesUnsignedBytes({ relaxedDotProbe }: KernelExports): boolean {
  const weights = [0, 1, 2, 127, 128, 129, 254, 255];
  const activations = [-64, -63, -1, 0, 1, 62, 63, 64];
  return weights.every((weight) => activations.every((x) => relaxedDotProbe(weight, x) === 2 * weight * x));
}
