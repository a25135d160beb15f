import * as vscode from 'vscode';
import { toErrorDetails } from '../../core/errors';
import { errorText } from '../errorText';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { withNotification } from '../progressText';
import { suggestedFile } from './suggestedFile';

/** Writes the report as one HTML file without links, or as JSON, where the person says. */
export async function exportReport(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const { file } = document.snapshot;
  const suggested = suggestedFile(document.uri, file, 'quantscope.html');
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggested,
    filters: { HTML: ['html'], JSON: ['json'] },
    saveLabel: vscode.l10n.t('Export Report'),
  });
  if (target === undefined) return;
  try {
    await withNotification(vscode.l10n.t('Writing the report'), async (options) => {
      const { html, json } = await document.report(options);
      const text = target.path.endsWith('.json') ? json : html;
      if (target.scheme === 'file') await document.writeText(target.fsPath, text, options);
      // Only VS Code reaches other file systems.
      else await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
    });
  } catch (error) {
    const details = toErrorDetails(error, file);
    if (details.kind !== 'aborted') {
      void vscode.window.showErrorMessage(vscode.l10n.t('The report could not be written: {0}', errorText(details)));
    }
    return;
  }
  const open = vscode.l10n.t('Open');
  const picked = await vscode.window.showInformationMessage(vscode.l10n.t('The report was written.'), open);
  if (picked !== open) return;
  if (target.path.endsWith('.json')) await vscode.window.showTextDocument(target);
  else await vscode.env.openExternal(target);
}
