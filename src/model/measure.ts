import type { AbortCheck } from '../core/abort';
import type { Progress } from '../core/progress';
import { selectKernels } from '../engine/kernels/dispatch';
import type { LatencyDto } from '../protocol/forwardDto';

/** A timed forward pass may take this long in all; slower models get fewer runs. */
const maxTotalMs = 5_000;

/**
 * Median and 95th percentile of `run`, in microseconds, on the threads of the selected kernels. `run` must do all of its
 * work before it returns, or give a promise of it.
 */
export async function measure(
  run: () => unknown,
  runs: number,
  warmup: number,
  abort: AbortCheck,
  progress: Progress,
  what: string,
): Promise<LatencyDto> {
  const started = performance.now();
  let warmed = 0;
  for (; warmed < warmup && performance.now() - started < maxTotalMs / 4; warmed++) {
    abort.throwIfAborted();
    const running = run();
    if (running instanceof Promise) await running;
  }
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < runs && (times.length === 0 || performance.now() - begin < maxTotalMs)) {
    abort.throwIfAborted();
    const before = performance.now();
    const running = run();
    // Only what takes turns is waited for: an await is time too.
    if (running instanceof Promise) await running;
    times.push((performance.now() - before) * 1000);
    if (times.length % 16 === 0) progress(times.length, runs, what);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return { median: at(0.5), p95: at(0.95), runs: times.length, warmup: warmed, threads: selectKernels().threads };
}
