import { aborted } from './errors';

/** Checked between tiles, tensors, layers and time steps: throws `E_ABORTED` once a person has cancelled. */
export interface AbortCheck {
  throwIfAborted(): void;
}

/** For work that nobody can cancel. */
export const neverAborted: AbortCheck = { throwIfAborted() {} };

/** A flag in shared memory, so that a thread that is busy computing still sees it. */
export function sharedAbort(flag: Int32Array): AbortCheck {
  return {
    throwIfAborted() {
      if (Atomics.load(flag, 0) !== 0) throw aborted();
    },
  };
}
