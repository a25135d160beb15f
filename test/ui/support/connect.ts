import { fakeServices, hostSide, vscode } from './inspectorPage';

/** The host's side of one view without a page: what is sent arrives as a message of the webview would. */
export async function connectInspector(file: string) {
  const { InspectorDocument, connectView, Uri } = hostSide();
  const services = fakeServices();
  const document = new InspectorDocument(Uri.file(file), services);
  void document.load();
  let receive: (message: unknown) => void = () => {};
  const seen = new Set<number>();
  const waiting = new Map<number, () => void>();
  const webview = {
    onDidReceiveMessage: (listener: (message: unknown) => void) => {
      receive = listener;
      return { dispose() {} };
    },
    postMessage: async (message: { id?: number }) => {
      if (message.id === undefined) return;
      seen.add(message.id);
      waiting.get(message.id)?.();
    },
  };
  const view = connectView(webview as never, services, () => document, document.onDidChange);
  vscode.commands.length = 0;
  return {
    document,
    commands: vscode.commands,
    send: (message: unknown) => receive(message),
    answers: {
      until: (id: number) =>
        seen.has(id) ? Promise.resolve() : new Promise<void>((resolve) => void waiting.set(id, resolve)),
    },
    close() {
      view.dispose();
      document.dispose();
      services.pool.dispose();
    },
  };
}
