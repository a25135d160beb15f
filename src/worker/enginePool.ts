import { Worker } from 'node:worker_threads';
import { aborted, QuantscopeError } from '../core/errors';
import type { EngineApi } from '../protocol/engineApi';
import { type Args, type CallContext, Channel, type Result } from '../protocol/rpc';

/** The worker may not hold more JavaScript objects than this; buffers are counted elsewhere. */
const workerHeapMb = 1024;

export interface PoolOptions {
  /** Path of the bundled thread entry. */
  readonly workerPath: string;
  /** How long a cancelled computation may go on before its thread is terminated, in ms. */
  readonly abortGraceMs?: number;
  /** A thread that nobody used for so long is stopped; the next request starts a new one. */
  readonly idleMs?: number;
}

export interface EngineCallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: CallContext['progress'];
}

/** Requests that answer at once and may overtake a computation under way. */
const light = new Set<keyof EngineApi>([
  'rows',
  'children',
  'scan',
  'inspect',
  'quantizable',
  'overridesToQuantize',
  'overview',
  'python',
  'locate',
  'sources',
]);

interface Running {
  readonly worker: Worker;
  readonly channel: Channel<Record<never, never>, EngineApi>;
  readonly abortFlag: Int32Array;
  /** Settles when the file is open in this thread. */
  readonly ready: Promise<unknown>;
}

/**
 * One file in one thread. The thread starts with the first request, is replaced after it died
 * or had to be terminated, and stops when idle; callers notice none of it.
 */
export class EngineClient {
  private running: Running | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private idleTimer: NodeJS.Timeout | undefined;
  private active = 0;
  private disposed = false;
  private damaged = false;

  /** `path` is the file that every thread of this client opens first; undefined for work without a file. */
  constructor(
    private readonly path: string | undefined,
    private readonly options: PoolOptions,
  ) {}

  /** Runs one request. Heavy requests run one after the other; an abort rejects within the grace period. */
  call<K extends keyof EngineApi & string>(
    method: K,
    args: Args<EngineApi, K>,
    options: EngineCallOptions = {},
  ): Promise<Result<EngineApi, K>> {
    if (light.has(method)) return this.run(method, args, options);
    let begun = false;
    const result = this.queue.then(() => {
      begun = true;
      return this.run(method, args, options);
    });
    this.queue = result.catch(() => {});
    return rejectOnAbort(result, options.signal, () => !begun);
  }

  /** Forgets what the thread knows of the file; the next request opens it again, as `damaged` what can be read of it. */
  reload(damaged = false): void {
    this.damaged = damaged;
    this.stop(aborted());
  }

  dispose(): void {
    this.disposed = true;
    this.stop(aborted());
  }

  private async run<K extends keyof EngineApi & string>(
    method: K,
    args: Args<EngineApi, K>,
    { signal, onProgress }: EngineCallOptions,
  ): Promise<Result<EngineApi, K>> {
    if (this.disposed || signal?.aborted) throw aborted();
    this.running ??= this.start();
    const { running } = this;
    this.active++;
    clearTimeout(this.idleTimer);
    let grace: NodeJS.Timeout | undefined;
    const abort = () => {
      Atomics.store(running.abortFlag, 0, 1);
      grace = setTimeout(() => this.stop(aborted(), running), this.options.abortGraceMs ?? 150);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const opened = await running.ready;
      if (signal?.aborted) throw aborted();
      if (method === 'open') return opened as Result<EngineApi, K>;
      if (light.has(method)) {
        // Nobody else's computation may end because this answer is no longer wanted.
        signal?.removeEventListener('abort', abort);
        return await running.channel.call(method, args, { signal, onProgress });
      }
      Atomics.store(running.abortFlag, 0, 0);
      return await running.channel.call(method, args, { onProgress });
    } finally {
      clearTimeout(grace);
      signal?.removeEventListener('abort', abort);
      this.active--;
      if (this.active === 0) this.waitForIdle();
    }
  }

  private start(): Running {
    const abortFlag = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(this.options.workerPath, {
      workerData: { abortFlag },
      resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
    });
    const channel = new Channel<Record<never, never>, EngineApi>(
      { post: (message) => worker.postMessage(message), listen: (receive) => worker.on('message', receive) },
      {},
    );
    const ready =
      this.path === undefined ? Promise.resolve() : channel.call('open', { path: this.path, damaged: this.damaged });
    const running: Running = { worker, channel, abortFlag, ready };
    // A file that cannot be opened fails every request, but a cancelled opening is begun anew by the next.
    ready.catch((error: unknown) => {
      if (error instanceof QuantscopeError && error.code === 'E_ABORTED') this.stop(error, running);
    });
    worker.on('error', (error) => this.stop(died(error.message), running));
    worker.on('exit', () => this.stop(died('its thread ended'), running));
    return running;
  }

  private stop(reason: QuantscopeError, which = this.running): void {
    if (which === undefined) return;
    if (this.running === which) {
      this.running = undefined;
      clearTimeout(this.idleTimer);
    }
    which.channel.dispose(reason);
    void which.worker.terminate();
  }

  private waitForIdle(): void {
    this.idleTimer = setTimeout(() => this.stop(aborted()), this.options.idleMs ?? 300_000);
    this.idleTimer.unref();
  }
}

/** The same result, but an abort while `waiting` rejects at once. */
function rejectOnAbort<T>(result: Promise<T>, signal: AbortSignal | undefined, waiting: () => boolean): Promise<T> {
  if (signal === undefined) return result;
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      if (waiting()) reject(aborted());
    };
    signal.addEventListener('abort', giveUp, { once: true });
    const done = () => signal.removeEventListener('abort', giveUp);
    result.then(resolve, reject).finally(done);
  });
}

function died(why: string): QuantscopeError {
  const memory = why.includes('memory') || why.includes('heap');
  return new QuantscopeError({
    code: memory ? 'E_OUT_OF_MEMORY' : 'E_WORKER_DIED',
    kind: 'internal',
    message: memory ? 'The engine ran out of memory.' : `The engine stopped: ${why}.`,
    hint: 'Nothing was changed. Try again; a new engine is started.',
  });
}

/** Shares one client between everybody who looks at the same file, and keeps it briefly after the last. */
export class EnginePool {
  private readonly clients = new Map<string, { client: EngineClient; users: number; linger?: NodeJS.Timeout }>();

  constructor(private readonly options: PoolOptions) {}

  /** The client of this file; call `release` once for every `acquire`. */
  acquire(path: string): EngineClient {
    const entry = this.clients.get(path) ?? { client: new EngineClient(path, this.options), users: 0 };
    clearTimeout(entry.linger);
    entry.users++;
    this.clients.set(path, entry);
    return entry.client;
  }

  /** After the last release the thread lingers for a moment: reopening a tab should not read the file again. */
  release(path: string, lingerMs = 2000): void {
    const entry = this.clients.get(path);
    if (entry === undefined || --entry.users > 0) return;
    entry.linger = setTimeout(() => {
      this.clients.delete(path);
      entry.client.dispose();
    }, lingerMs);
    entry.linger.unref();
  }

  /** A client for work without a file, such as the recipe. Dispose it after use. */
  scratch(): EngineClient {
    return new EngineClient(undefined, this.options);
  }

  dispose(): void {
    for (const { client, linger } of this.clients.values()) {
      clearTimeout(linger);
      client.dispose();
    }
    this.clients.clear();
  }
}
