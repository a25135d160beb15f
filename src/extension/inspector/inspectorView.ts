import * as vscode from 'vscode';
import { viewIds } from '../contributions';
import type { Services } from '../services';
import { connectView } from './viewHost';
import { prepareWebview } from './webviewHtml';

/** The side bar's small inspector: the selected tensor of the active model. */
export function registerInspectorView(services: Services): void {
  const { context, documents } = services;
  const provider: vscode.WebviewViewProvider = {
    resolveWebviewView(view) {
      const connection = connectView(view.webview, services, () => documents.active, documents.onDidChange);
      prepareWebview(view.webview, context.extensionUri, 'side');
      view.onDidDispose(() => connection.dispose());
    },
  };
  context.subscriptions.push(vscode.window.registerWebviewViewProvider(viewIds.inspector, provider));
}
