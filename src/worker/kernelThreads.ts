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
  /** One of them ended by itself. */
  private ended = false;
  /** Helpers that were there the last time; a team that lost one counts none. */
  private seen = 0;

  /** `folder` is where the compiled kernels and the helper's bundle lie. */
  constructor(private readonly folder: string) {}

  /**
   * Kernels on so many threads from now on, as far as the machine has them; 1 for the usual ones.
   * Returns how many there are: 1 where shared memory or the kernels for it are missing.
   */
  async use(threads: number): Promise<number> {
    const wanted = Math.min(threads, availableParallelism());
    if (wanted <= 1 || this.ended || (this.shared?.team.helpers ?? 0) < this.seen) await this.stop();
    if (wanted <= 1) return 1;
    this.shared ??= loadSharedKernels(sharedKernelFiles(this.folder));
    if (this.shared === undefined) return 1;
    const { module, memory, control, team } = this.shared;
    const started = this.workers.length < wanted - 1;
    while (this.workers.length < wanted - 1) this.workers.push(this.start({ module, memory, control }));
    const end = performance.now() + startMs;
    while (started && !this.ended && team.helpers < wanted - 1 && performance.now() < end)
      await new Promise((done) => setTimeout(done, 2));
    if (this.ended) {
      await this.stop();
      return 1;
    }
    this.seen = team.helpers;
    useShared(this.shared);
    return 1 + team.helpers;
  }

  private start(workerData: Pick<SharedKernels, 'module' | 'memory' | 'control'>): Worker {
    const worker = new Worker(join(this.folder, 'kernelThread.js'), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    // Why it ended changes nothing.
    worker.on('error', () => {});
    worker.on('exit', () => {
      this.ended ||= this.workers.includes(worker);
    });
    worker.unref();
    return worker;
  }

  /** Ends the helpers; the kernels are this thread's own again. */
  async stop(): Promise<void> {
    useShared(undefined);
    this.shared = undefined;
    this.ended = false;
    this.seen = 0;
    await Promise.all(this.workers.splice(0).map((worker) => worker.terminate()));
  }
}
