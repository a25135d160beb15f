import * as vscode from 'vscode';
import { contextKeys } from '../contributions';
import type { InspectorDocument } from './inspectorDocument';

/**
 * The open models and which of them is active: the one whose editor was focused last. The
 * native tree, the side view, the status item and the commands all follow the active one.
 */
export class DocumentRegistry implements vscode.Disposable {
  private readonly open = new Map<string, InspectorDocument>();
  private current: InspectorDocument | undefined;
  private readonly changed = new vscode.EventEmitter<InspectorDocument | undefined>();

  /** Fires when another document becomes active, and with every change of the active one. */
  readonly onDidChange = this.changed.event;

  get active(): InspectorDocument | undefined {
    return this.current;
  }

  find(uri: vscode.Uri): InspectorDocument | undefined {
    return this.open.get(uri.toString());
  }

  add(document: InspectorDocument): void {
    const key = document.uri.toString();
    this.open.set(key, document);
    document.onDidChange(() => {
      if (document === this.current) this.announce();
    });
    document.onDidDispose(() => {
      if (this.open.get(key) === document) this.open.delete(key);
      if (document === this.current) this.activate([...this.open.values()].at(-1));
    });
  }

  activate(document: InspectorDocument | undefined): void {
    if (document === this.current) return;
    this.current = document;
    this.announce();
  }

  dispose(): void {
    this.changed.dispose();
  }

  private announce(): void {
    const snapshot = this.current?.snapshot;
    const set = (key: string, value: boolean) => vscode.commands.executeCommand('setContext', key, value);
    void set(contextKeys.hasModel, snapshot?.phase === 'ready');
    void set(contextKeys.isQuantized, (snapshot?.quantized ?? null) !== null);
    void set(contextKeys.canUndo, snapshot?.canUndo ?? false);
    void set(contextKeys.busy, (snapshot?.busy ?? null) !== null);
    this.changed.fire(this.current);
  }
}
