import type { Kernels } from '../kernels';
import { type ByteForm, fourForm, pairForm, wordForm } from './selfTest';
import { controlWords, Team } from './team';
import { WasmHeap } from './wasmHeap';
import { WasmKernels } from './wasmKernels';
import { type KernelExports, maxMemoryPages, type WasmMemory, webAssembly } from './webAssembly';

/** The compiled forms of assembly/index.ts: fixed SIMD, relaxed SIMD, and with the dot product of four. */
export interface KernelBinaries {
  readonly simd?: Uint8Array;
  readonly relaxed?: Uint8Array;
  readonly dot4?: Uint8Array;
}

type Build = keyof KernelBinaries;

/** Fastest first. */
const builds: readonly {
  readonly build: Build;
  readonly name: string;
  readonly form: (kernels: KernelExports) => ByteForm | undefined;
}[] = [
  { build: 'dot4', name: 'wasm relaxed simd dot4', form: fourForm },
  { build: 'relaxed', name: 'wasm relaxed simd', form: pairForm },
  { build: 'simd', name: 'wasm simd', form: () => wordForm },
];

/** The fastest form that this machine validates and computes correctly; undefined when it has no SIMD. */
export function loadWasmKernels(binaries: KernelBinaries): Kernels | undefined {
  const loaded = load(binaries, false);
  if (loaded === undefined) return undefined;
  const { name, exports, memory, form } = loaded;
  return new WasmKernels(name, exports, new WasmHeap(memory, exports.heapBase()), form);
}

/** Kernels that share their memory with helpers: what a helper needs to join, and the team of them. */
export interface SharedKernels {
  readonly kernels: Kernels;
  readonly team: Team;
  readonly module: object;
  readonly memory: WasmMemory;
  readonly control: Int32Array;
}

/** The same for shared memory; undefined where the machine has none, too. */
export function loadSharedKernels(binaries: KernelBinaries): SharedKernels | undefined {
  const loaded = typeof SharedArrayBuffer === 'undefined' ? undefined : load(binaries, true);
  if (loaded === undefined) return undefined;
  const { name, exports, module, memory, form } = loaded;
  const control = new Int32Array(new SharedArrayBuffer(4 * controlWords));
  const team = new Team(control, exports);
  const heap = new WasmHeap(memory, exports.heapBase());
  return { kernels: new WasmKernels(name, exports, heap, form, team), team, module, memory, control };
}

function load(binaries: KernelBinaries, shared: boolean) {
  for (const { build, name, form: formOf } of builds) {
    const bytes = binaries[build];
    if (bytes === undefined || webAssembly === undefined || !webAssembly.validate(bytes)) continue;
    const memory = newMemory(shared);
    if (memory === undefined) return undefined;
    const module = new webAssembly.Module(bytes);
    const exports = new webAssembly.Instance(module, { env: { memory } }).exports as KernelExports;
    const form = formOf(exports);
    if (form !== undefined) return { name, exports, module, memory, form };
  }
  return undefined;
}

/** Undefined where the process may not reserve the address space: other arithmetic is better than none. */
function newMemory(shared: boolean): WasmMemory | undefined {
  try {
    return webAssembly && new webAssembly.Memory({ initial: 16, maximum: maxMemoryPages, shared });
  } catch {
    return undefined;
  }
}
