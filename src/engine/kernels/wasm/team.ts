import { QuantscopeError } from '../../../core/errors';

/**
 * Threads that share the kernels' memory and one product's blocks of channels, or the tiles of a batch. A block is computed in the
 * same way whoever takes it, so the bits do not depend on the number of threads.
 *
 * The thread that asks works too and takes what is left: helpers that the system does not run cost
 * nothing but the chunk they hold. All words are written and read atomically. `next` is the number of the
 * job times 256 plus its next chunk, and is exchanged as one word: a helper that overslept a job cannot
 * take a chunk of another one by the description of the old.
 */

const word = {
  wake: 0,
  next: 1,
  done: 2,
  ready: 3,
  chunks: 4,
  record: 5,
  operand: 6,
  rows: 7,
  out: 8,
  from: 9,
  blocks: 10,
  kernel: 11,
};

/** Int32 words of the shared control block. */
export const controlWords = 16;
const maxChunks = 255;
/** Looks at a word before a thread goes to sleep: some tens of µs, longer than between two steps of a recurrence. */
const spins = 20_000;
/** How long a wait for the helpers is, and how many of them may pass in which nobody finishes a chunk, which takes milliseconds. */
const waitMs = 50;
const maxSilentWaits = 200;

/** A kernel that a team shares: four arguments of its own, and the blocks that it works on. */
export type Share = (record: number, operand: number, rows: number, out: number, from: number, to: number) => void;

/** In the order of their numbers in `kernel`. */
const names = ['multiply', 'statsTiles', 'histogramTiles'] as const;

export type SharedKernelName = (typeof names)[number];
export type TeamKernels = Readonly<Record<SharedKernelName, Share>>;

function at(control: Int32Array, index: number): number {
  return Atomics.load(control, index);
}

/** Takes chunks of job `job` until none is left; returns how many it did. */
function work(control: Int32Array, kernels: TeamKernels, job: number): number {
  let count = 0;
  for (;;) {
    const next = at(control, word.next);
    const chunk = next & 0xff;
    const chunks = at(control, word.chunks);
    const blocks = at(control, word.blocks);
    const from = at(control, word.from);
    const kernel = names[at(control, word.kernel)];
    const call = [word.record, word.operand, word.rows, word.out].map((index) => at(control, index));
    if (next >> 8 !== job || chunk >= chunks) return count;
    if (Atomics.compareExchange(control, word.next, next, next + 1) !== next) continue;
    const [record, operand, rows, out] = call;
    const [start, end] = [chunk, chunk + 1].map((i) => from + Math.floor((i * blocks) / chunks));
    kernels[kernel](record >>> 0, operand >>> 0, rows, out >>> 0, start, end);
    count++;
    Atomics.add(control, word.done, 1);
    Atomics.notify(control, word.done);
  }
}

/** What a helper does for all of its life: it blocks its thread, and ends when the thread is ended. */
export function serve(control: Int32Array, kernels: TeamKernels): never {
  Atomics.add(control, word.ready, 1);
  let seen = 0;
  for (;;) {
    for (let i = 0; i < spins && at(control, word.wake) === seen; i++);
    if (at(control, word.wake) === seen) Atomics.wait(control, word.wake, seen);
    seen = at(control, word.wake);
    work(control, kernels, at(control, word.next) >> 8);
  }
}

/** The asking thread's side. */
export class Team {
  private job = 0;
  /** Chunks of the job under way. */
  private pending = 0;
  private abandoned = false;

  constructor(
    private readonly control: Int32Array,
    private readonly kernels: TeamKernels,
    private readonly silentWaits = maxSilentWaits,
  ) {}

  /** Whether a job was left unfinished: its helpers may still write into the memory, which nobody should use any more. */
  get isLost(): boolean {
    return this.abandoned;
  }

  /** Helpers that are there by now; 0 once one was lost. */
  get helpers(): number {
    return this.abandoned ? 0 : at(this.control, word.ready);
  }

  /** Blocks `from` … `to`, by this thread and its helpers. Returns when all are done. */
  run(
    kernel: SharedKernelName,
    args: readonly [record: number, operand: number, rows: number, out: number],
    from: number,
    to: number,
  ): void {
    this.begin(kernel, args, from, to);
    this.finish();
  }

  /** Leaves the blocks to the helpers while this thread does something else, which `finish` ends. */
  begin(
    kernel: SharedKernelName,
    [record, operand, rows, out]: readonly [record: number, operand: number, rows: number, out: number],
    from: number,
    to: number,
  ): void {
    // One that nobody asked for any more must not write into the next.
    this.finish();
    const { control } = this;
    const blocks = to - from;
    const chunks = Math.min(blocks, 4 * (1 + this.helpers), maxChunks);
    this.job = (this.job + 1) & 0x7fffff;
    // Closed while it is described: a helper at the end of the last job must not read on in this one's chunks.
    Atomics.store(control, word.next, (this.job << 8) | maxChunks);
    const values = { done: 0, chunks, record, operand, rows, out, from, blocks, kernel: names.indexOf(kernel) };
    for (const [name, value] of Object.entries(values)) Atomics.store(control, word[name as keyof typeof word], value);
    Atomics.store(control, word.next, this.job << 8);
    Atomics.add(control, word.wake, 1);
    Atomics.notify(control, word.wake);
    this.pending = chunks;
  }

  /** Does what is left of the job under way and waits for the helpers' part; without one, nothing. */
  finish(): void {
    const { pending } = this;
    if (pending === 0) return;
    this.pending = 0;
    this.abandoned = true;
    work(this.control, this.kernels, this.job);
    this.waitFor(pending);
    this.abandoned = false;
  }

  private waitFor(chunks: number): void {
    const { control } = this;
    for (let i = 0; i < spins; i++) if (at(control, word.done) === chunks) return;
    // Counted, not timed: a process that was stopped for a while has lost nobody.
    for (let silent = 0; silent < this.silentWaits; ) {
      const done = at(control, word.done);
      if (done === chunks) return;
      silent = Atomics.wait(control, word.done, done, waitMs) === 'timed-out' ? silent + 1 : 0;
    }
    throw new QuantscopeError({
      code: 'E_WORKER_DIED',
      kind: 'internal',
      message: 'A thread of the kernels stopped answering.',
      hint: 'Nothing was changed. Run again, with --threads 1 if it happens again.',
    });
  }
}
