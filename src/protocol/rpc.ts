import { type ErrorDetails, QuantscopeError, toErrorDetails } from '../core/errors';
import { everySoOften, type Progress, type ProgressUnit } from '../core/progress';

/**
 * Requests, replies, progress and notifications over one port: the same class serves
 * host ↔ worker and webview ↔ host. Every request settles: by its reply, its error, an abort,
 * or `dispose`, which rejects all that are under way.
 */

/** Methods by name, each with one argument object. */
export type Api<T> = { [K in keyof T]: (args: never) => unknown };
export type Args<T, K extends keyof T> = T[K] extends (args: infer A) => unknown ? A : never;
export type Result<T, K extends keyof T> = T[K] extends (args: never) => infer R ? Awaited<R> : never;

/** How an API is served: each method may be asynchronous and may report progress. */
export type Handlers<T extends Api<T>> = {
  [K in keyof T]: (args: Args<T, K>, context: CallContext) => Result<T, K> | Promise<Result<T, K>>;
};

export interface CallContext {
  readonly progress: Progress;
  /** Aborted when the caller gave up. A busy thread cannot see it: it has the shared flag. */
  readonly signal: AbortSignal;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: CallContext['progress'];
}

/** One end of a message port. */
export interface Port {
  post(message: unknown): void;
  listen(receive: (message: unknown) => void): void;
}

type Envelope =
  | { readonly type: 'request'; readonly id: number; readonly method: string; readonly args: unknown }
  | { readonly type: 'notify'; readonly method: string; readonly args: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: ErrorDetails }
  | {
      readonly type: 'progress';
      readonly id: number;
      readonly done: number;
      readonly total: number;
      readonly what: string;
      readonly unit?: ProgressUnit;
    }
  | { readonly type: 'abort'; readonly id: number };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress?: CallContext['progress'];
}

const envelopeTypes = new Set(['request', 'notify', 'reply', 'error', 'progress', 'abort']);

function isEnvelope(message: unknown): message is Envelope {
  return typeof message === 'object' && message !== null && envelopeTypes.has((message as Envelope).type);
}

export class Channel<Local extends Api<Local>, Remote extends Api<Remote>> {
  private readonly pending = new Map<number, Pending>();
  private readonly serving = new Map<number, AbortController>();
  private nextId = 1;
  private closed: Error | undefined;

  constructor(
    private readonly port: Port,
    private readonly handlers: Partial<Handlers<Local>>,
  ) {
    port.listen((message) => this.receive(message));
  }

  /** Asks the other end and waits for its answer. */
  call<K extends keyof Remote & string>(
    method: K,
    args: Args<Remote, K>,
    options: CallOptions = {},
  ): Promise<Result<Remote, K>> {
    const { signal, onProgress } = options;
    if (this.closed !== undefined) return Promise.reject(this.closed);
    if (signal?.aborted) return Promise.reject(abortError());
    const id = this.nextId++;
    return new Promise<Result<Remote, K>>((resolve, reject) => {
      const giveUp = () => {
        this.pending.delete(id);
        this.port.post({ type: 'abort', id } satisfies Envelope);
        reject(abortError());
      };
      const settle =
        <V>(use: (value: V) => void) =>
        (value: V) => {
          signal?.removeEventListener('abort', giveUp);
          use(value);
        };
      this.pending.set(id, {
        resolve: settle(resolve as (value: unknown) => void),
        reject: settle(reject),
        onProgress,
      });
      signal?.addEventListener('abort', giveUp, { once: true });
      this.port.post({ type: 'request', id, method, args } satisfies Envelope);
    });
  }

  /** Tells the other end, without waiting. */
  notify<K extends keyof Remote & string>(method: K, args: Args<Remote, K>): void {
    if (this.closed === undefined) this.port.post({ type: 'notify', method, args } satisfies Envelope);
  }

  /** Rejects everything under way and everything to come. */
  dispose(reason: Error): void {
    this.closed = reason;
    for (const { reject } of this.pending.values()) reject(reason);
    this.pending.clear();
    for (const controller of this.serving.values()) controller.abort();
    this.serving.clear();
  }

  private receive(message: unknown): void {
    if (this.closed !== undefined || !isEnvelope(message)) return;
    switch (message.type) {
      case 'request':
        void this.serve(message.id, message.method, message.args);
        break;
      case 'notify':
        void this.serve(undefined, message.method, message.args);
        break;
      case 'reply':
        this.take(message.id)?.resolve(message.value);
        break;
      case 'error':
        this.take(message.id)?.reject(new QuantscopeError(message.error));
        break;
      case 'progress':
        this.pending.get(message.id)?.onProgress?.(message.done, message.total, message.what, message.unit);
        break;
      case 'abort':
        this.serving.get(message.id)?.abort();
        break;
    }
  }

  private take(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    return pending;
  }

  private async serve(id: number | undefined, method: string, args: unknown): Promise<void> {
    const controller = new AbortController();
    if (id !== undefined) this.serving.set(id, controller);
    const reply = (envelope: Envelope) => {
      if (id !== undefined && this.closed === undefined) this.port.post(envelope);
    };
    try {
      if (!Object.hasOwn(this.handlers, method)) throw new Error(`no method ${JSON.stringify(method)}`);
      const handler = this.handlers[method as keyof Local] as (args: unknown, context: CallContext) => unknown;
      const value = await handler(args, {
        signal: controller.signal,
        progress: everySoOften((done, total, what, unit) =>
          reply({ type: 'progress', id: id as number, done, total, what, unit }),
        ),
      });
      reply({ type: 'reply', id: id as number, value });
    } catch (error) {
      reply({ type: 'error', id: id as number, error: toErrorDetails(error) });
    } finally {
      if (id !== undefined) this.serving.delete(id);
    }
  }
}

function abortError(): QuantscopeError {
  return new QuantscopeError({ code: 'E_ABORTED', kind: 'aborted', message: 'Cancelled.' });
}
