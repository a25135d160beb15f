import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { useShared } from '../engine/kernels/dispatch';
import { loadSharedKernels, type SharedKernels } from '../engine/kernels/wasm/loadWasmKernels';
import { sharedKernelFiles } from './kernelFiles';

/** Helpers have nothing but the kernels. */
const heapMb = 16;
/** Helpers that are not there by then are not waited for. */
const startMs = 2_000;

/** Threads for the kernels of this thread; they are its children and end with it. */
export class KernelThreads {
  private readonly workers: Worker[] = [];
  private shared: SharedKernels | undefined;

  /** `folder` is where the compiled kernels and the helper's bundle lie. */
  constructor(private readonly folder: string) {}

  /**
   * Kernels on so many threads from now on, as far as the machine has them; 1 for the usual ones.
   * Returns how many there are: 1 where shared memory or the kernels for it are missing.
   */
  async use(threads: number): Promise<number> {
    const wanted = Math.min(threads, availableParallelism());
    if (wanted <= 1) {
      await this.stop();
      return 1;
    }
    this.shared ??= loadSharedKernels(sharedKernelFiles(this.folder));
    if (this.shared === undefined) return 1;
    const { module, memory, control, team } = this.shared;
    while (this.workers.length < wanted - 1) {
      const worker = new Worker(join(this.folder, 'kernelThread.js'), {
        workerData: { module, memory, control },
        resourceLimits: { maxOldGenerationSizeMb: heapMb },
      });
      // Its absence is noticed by the team.
      worker.on('error', () => {});
      worker.unref();
      this.workers.push(worker);
    }
    const end = performance.now() + startMs;
    while (team.helpers < wanted - 1 && performance.now() < end) await new Promise((done) => setTimeout(done, 2));
    useShared(this.shared);
    return 1 + team.helpers;
  }

  /** Ends the helpers; the kernels are this thread's own again. */
  async stop(): Promise<void> {
    useShared(undefined);
    this.shared = undefined;
    await Promise.all(this.workers.splice(0).map((worker) => worker.terminate()));
  }
}
