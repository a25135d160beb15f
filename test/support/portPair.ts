import type { Port } from '../../src/protocol/rpc';

export interface PortPair {
  readonly ports: readonly [Port, Port];
  /** Everything that was posted, in order, by either side. */
  readonly log: { readonly from: 0 | 1; readonly message: unknown }[];
}

/** Two connected ports in memory: messages are cloned as between threads and arrive in a later microtask. */
export function portPair(): PortPair {
  const log: PortPair['log'] = [];
  const receivers: ((message: unknown) => void)[] = [];
  const port = (own: 0 | 1): Port => ({
    post(message) {
      const copy: unknown = structuredClone(message);
      log.push({ from: own, message: copy });
      queueMicrotask(() => receivers[1 - own]?.(copy));
    },
    listen(receive) {
      receivers[own] = receive;
    },
  });
  return { ports: [port(0), port(1)], log };
}
