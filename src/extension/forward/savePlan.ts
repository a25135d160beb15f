import * as vscode from 'vscode';
import type { InspectorDocument } from '../inspector/inspectorDocument';

/** Writes the plan beside the model, and shows it as JSON where that is asked for. */
export async function savePlan(document: InspectorDocument, open: boolean): Promise<void> {
  const path = await document.code.savePlan();
  if (path === undefined || !open) return;
  await vscode.window.showTextDocument(vscode.Uri.file(path), { viewColumn: vscode.ViewColumn.Beside });
}
