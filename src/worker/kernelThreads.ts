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
/** Less is not worth a helper that is there, and not worth starting one. */
const minSharedBytes = 16 * 1024 * 1024;
const minStartBytes = 256 * 1024 * 1024;

/** Threads for the kernels of this thread; they are its children and end with it. */
export class KernelThreads {
  private readonly workers: Worker[] = [];
  private shared: SharedKernels | undefined;
  /** One of them ended by itself. */
  private ended = false;
  /** Whether a caller of `use` chose them. */
  private inUse = false;

  /** `folder` is where the compiled kernels and the helper's bundle lie. */
  constructor(private readonly folder: string) {}

  /**
   * Kernels on so many threads from now on, as far as the machine has them; 1 for the usual ones.
   * Returns how many there are: 1 where shared memory or the kernels for it are missing.
   */
  async use(threads: number): Promise<number> {
    const wanted = Math.min(threads, availableParallelism());
    if (wanted <= 1 || this.isBroken) await this.stop();
    if (wanted <= 1) return 1;
    const started = this.workers.length < wanted - 1;
    const shared = this.start(wanted);
    if (shared === undefined) return 1;
    const { team } = shared;
    const end = performance.now() + startMs;
    while (started && !this.ended && team.helpers < wanted - 1 && performance.now() < end)
      await new Promise((done) => setTimeout(done, 2));
    if (this.ended) {
      await this.stop();
      return 1;
    }
    this.inUse = true;
    useShared(shared);
    return 1 + team.helpers;
  }

  /**
   * `work` on so many bytes that stream by, with a helper where the machine has one and the work is worth it. The
   * helper is not waited for: it takes its part from when it is there. Starting it takes longer than the first picture
   * of a tensor, so that is made alone, and the helper is there for the next.
   */
  async share<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.isBroken) await this.stop();
    if (this.inUse || bytes < minSharedBytes) return work();
    if (this.shared === undefined && bytes < minStartBytes) {
      const result = await work();
      setImmediate(() => this.start(2));
      return result;
    }
    const shared = this.start(2);
    if (shared === undefined) return work();
    useShared(shared);
    try {
      return await work();
    } finally {
      useShared(undefined);
    }
  }

  private get isBroken(): boolean {
    return this.ended || this.shared?.team.isLost === true;
  }

  /** Undefined where shared memory or the kernels for it are missing, or one thread is all there is. */
  private start(threads: number): SharedKernels | undefined {
    if (Math.min(threads, availableParallelism()) < 2) return undefined;
    this.shared ??= loadSharedKernels(sharedKernelFiles(this.folder));
    if (this.shared === undefined) return undefined;
    const { module, memory, control } = this.shared;
    while (this.workers.length < threads - 1) this.workers.push(this.helper({ module, memory, control }));
    return this.shared;
  }

  private helper(workerData: Pick<SharedKernels, 'module' | 'memory' | 'control'>): Worker {
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
    this.inUse = false;
    await Promise.all(this.workers.splice(0).map((worker) => worker.terminate()));
  }
}
