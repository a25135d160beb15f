import * as vscode from 'vscode';
import type { InspectorDocument } from '../inspector/inspectorDocument';

/** Compares the document, as the one before, with another file: the one given, else one that is asked for. */
export async function compareFiles(document: InspectorDocument | undefined, other?: vscode.Uri): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const [picked] =
    other === undefined
      ? ((await vscode.window.showOpenDialog({
          canSelectMany: false,
          defaultUri: vscode.Uri.joinPath(document.uri, '..'),
          openLabel: vscode.l10n.t('Compare'),
        })) ?? [])
      : [other];
  if (picked !== undefined) await document.compareWith(picked.fsPath);
}
