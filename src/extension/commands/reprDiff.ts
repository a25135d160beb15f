import * as vscode from 'vscode';
import { formName } from '../../protocol/formNames';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';

const scheme = 'quantscope-repr';

/** Serves print(model) before and after as read-only documents for VS Code's diff editor. */
export function registerReprDiff({ context, documents }: Services): void {
  const changed = new vscode.EventEmitter<vscode.Uri>();
  const provider: vscode.TextDocumentContentProvider = {
    onDidChange: changed.event,
    provideTextDocumentContent(uri) {
      const source = documents.find(vscode.Uri.parse(uri.query, true));
      const repr = source?.snapshot.quantized?.repr;
      return (uri.fragment === 'after' ? repr?.after : repr?.before) ?? source?.snapshot.model?.repr ?? '';
    },
  };
  context.subscriptions.push(
    changed,
    vscode.workspace.registerTextDocumentContentProvider(scheme, provider),
    documents.onDidChange((document) => {
      if (document !== undefined) for (const side of ['before', 'after']) changed.fire(reprUri(document, side));
    }),
  );
}

function reprUri(document: InspectorDocument, side: string): vscode.Uri {
  return vscode.Uri.from({
    scheme,
    path: `/${document.snapshot.file}`,
    query: document.uri.toString(),
    fragment: side,
  });
}

export async function showReprDiff(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.quantized == null) return;
  const title = `${document.snapshot.file}: float32 ↔ ${formName(document.snapshot.quantizedSpec?.dtype ?? 'qint8')}`;
  await vscode.commands.executeCommand('vscode.diff', reprUri(document, 'before'), reprUri(document, 'after'), title);
}
