import { workerData } from 'node:worker_threads';
import { serve, type TeamKernels } from '../engine/kernels/wasm/team';
import { webAssembly } from '../engine/kernels/wasm/webAssembly';

/** A helper's entry: the same module on the same memory. It serves until its thread is ended. */
const { module, memory, control } = workerData as { module: object; memory: unknown; control: Int32Array };
if (webAssembly !== undefined) {
  const { exports } = new webAssembly.Instance(module, { env: { memory } });
  serve(control, exports as TeamKernels);
}
