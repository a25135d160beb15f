import type { AbortCheck } from '../core/abort';

const abortPollMs = 20;

/** A flush of the disk takes as long as it takes: an abort does not wait for it. */
export function orAborted<T>(work: Promise<T>, abort: AbortCheck): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        abort.throwIfAborted();
      } catch (error) {
        clearInterval(timer);
        reject(error);
      }
    }, abortPollMs);
    const stop = () => clearInterval(timer);
    work.finally(stop).then(resolve, reject);
  });
}
