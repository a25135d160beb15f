import { Channel } from '../src/protocol/rpc';
import type { HostApi, ViewApi, ViewSnapshotDto } from '../src/protocol/viewApi';

/** The only file that talks to VS Code. */
interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const api = acquireVsCodeApi();

let receiveSnapshot: (snapshot: ViewSnapshotDto) => void = () => {};

export const host = new Channel<ViewApi, HostApi>(
  {
    post: (message) => api.postMessage(message),
    listen: (receive) => window.addEventListener('message', (event: MessageEvent<unknown>) => receive(event.data)),
  },
  { snapshot: (snapshot) => receiveSnapshot(snapshot) },
);

/** Calls back with every snapshot, the first one included. */
export function onSnapshot(listener: (snapshot: ViewSnapshotDto) => void): void {
  receiveSnapshot = listener;
  host.call('ready', {}).then(listener, () => {});
}

/** State of the page itself, which survives being hidden. */
export function savedState<T>(): Partial<T> {
  return (api.getState() as Partial<T> | undefined) ?? {};
}

export function saveState(state: unknown): void {
  api.setState(state);
}

/** Failures inside the page go to the extension's log. */
export function reportErrors(): void {
  const report = (message: string) => void host.call('report', { message: message.slice(0, 4000) }).catch(() => {});
  window.addEventListener('error', (event) => report(`${event.message} at ${event.filename}:${event.lineno}`));
  window.addEventListener('unhandledrejection', (event) => report(`unhandled: ${String(event.reason)}`));
  document.addEventListener('securitypolicyviolation', (event) =>
    report(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`),
  );
}
