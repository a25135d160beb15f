import * as vscode from 'vscode';
import { viewTypes } from '../contributions';
import { InspectorDocument } from '../inspector/inspectorDocument';
import { connectView } from '../inspector/viewHost';
import { prepareWebview } from '../inspector/webviewHtml';
import type { Services } from '../services';

/** The inspector as a read-only custom editor: the document loads itself, the webview shows it. */
class InspectorEditor implements vscode.CustomReadonlyEditorProvider<InspectorDocument> {
  constructor(private readonly services: Services) {}

  openCustomDocument(uri: vscode.Uri): InspectorDocument {
    const document = new InspectorDocument(uri, this.services);
    this.services.documents.add(document);
    // Not awaited: a bad file must end in our error card, not in VS Code's generic error.
    void document.load();
    watch(document);
    return document;
  }

  resolveCustomEditor(document: InspectorDocument, panel: vscode.WebviewPanel): void {
    const { context, documents } = this.services;
    // The channel listens before the page can speak.
    const view = connectView(panel.webview, this.services, () => document, document.onDidChange);
    prepareWebview(panel.webview, context.extensionUri, 'editor');
    const follow = () => {
      if (panel.active) documents.activate(document);
    };
    panel.onDidChangeViewState(follow);
    panel.onDidDispose(() => view.dispose());
    follow();
  }
}

/** Marks the document when its file is written, replaced or deleted; nothing is read again by itself. */
function watch(document: InspectorDocument): void {
  const folder = vscode.Uri.joinPath(document.uri, '..');
  const name = document.uri.path.slice(document.uri.path.lastIndexOf('/') + 1);
  // Brackets and braces in a name would be read as a pattern.
  const pattern = new vscode.RelativePattern(folder, name.replace(/[[\]{}*?]/g, '?'));
  const watcher = vscode.workspace.createFileSystemWatcher(pattern);
  const changed = (uri: vscode.Uri) => {
    if (uri.path === document.uri.path) document.markChangedOnDisk();
  };
  watcher.onDidChange(changed);
  watcher.onDidCreate(changed);
  watcher.onDidDelete(changed);
  document.onDidDispose(() => watcher.dispose());
}

export function registerInspectorEditor(services: Services): void {
  const provider = new InspectorEditor(services);
  const options = { supportsMultipleEditorsPerDocument: true, webviewOptions: { enableFindWidget: false } };
  services.context.subscriptions.push(
    vscode.window.registerCustomEditorProvider(viewTypes.inspector, provider, options),
    vscode.window.registerCustomEditorProvider(viewTypes.inspectorOption, provider, options),
  );
}
