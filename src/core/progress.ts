export type ProgressUnit = 'bytes' | 'steps';

/** Reports how far a piece of work is: `done` of `total`; bytes where the unit says so, else modules, runs and the like. */
export type Progress = (done: number, total: number, what: string, unit?: ProgressUnit) => void;

/** For work that nobody watches. */
export const noProgress: Progress = () => {};

/** Lets through at most one report of bytes in `intervalMs`: tiles are many, and nobody reads faster. */
export function everySoOften(progress: Progress, intervalMs = 50, now: () => number = Date.now): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return (done, total, what, unit) => {
    const at = now();
    if (unit === 'bytes' && at - last < intervalMs) return;
    last = at;
    progress(done, total, what, unit);
  };
}

/** Before this there is no speed to judge by. */
const earliestMs = 1_000;
const earliestShare = 0.02;

/** How long a piece of work will still take at the speed it has had; a new total, or less done than before, is a new piece. */
export class TimeLeft {
  private started = 0;
  private first = 0;
  private last = Number.POSITIVE_INFINITY;
  private total = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** Whole seconds, or null while nobody can tell. */
  seconds(done: number, total: number): number | null {
    const at = this.now();
    if (total !== this.total || done < this.last) {
      this.started = at;
      this.first = done;
      this.total = total;
    }
    this.last = done;
    const elapsed = at - this.started;
    const gained = done - this.first;
    if (total <= 0 || elapsed < earliestMs || gained < earliestShare * total) return null;
    return Math.ceil((((total - done) / gained) * elapsed) / 1000);
  }
}
