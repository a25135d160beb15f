import * as vscode from 'vscode';
import type { InspectorDocument } from '../inspector/inspectorDocument';

/** Puts the lines that do the same in PyTorch on the clipboard, and offers them as a document. */
export async function copyAsPython(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const { spec, quantizedSpec } = document.snapshot;
  const text = await document.engine.call('python', { spec: quantizedSpec ?? spec });
  await vscode.env.clipboard.writeText(text);
  const open = vscode.l10n.t('Open as Document');
  const picked = await vscode.window.showInformationMessage(vscode.l10n.t('The Python lines were copied.'), open);
  if (picked !== open) return;
  const untitled = await vscode.workspace.openTextDocument({ language: 'python', content: text });
  await vscode.window.showTextDocument(untitled);
}
