import * as vscode from 'vscode';
import { formatBytes } from '../../core/text';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';

const scheme = 'quantscope-source';

/** Serves the Python-like source that a TorchScript archive carries, as text to read; nothing of it runs in Python. */
export function registerSources({ context, documents }: Services): void {
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(scheme, {
      async provideTextDocumentContent(uri) {
        const document = documents.find(vscode.Uri.parse(uri.query, true));
        const source = await document?.engine.call('readSource', { name: uri.path.slice(1) });
        if (source === undefined) return '';
        return source.truncated ? `${source.text}\n# … the rest is left out: it is too long to show.\n` : source.text;
      },
    }),
  );
}

/** Opens one of the file's sources as a read-only document; with more than one, asks which. */
export async function openSource(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const sources = await document.engine.call('sources', {});
  if (sources.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('{0} carries no source code.', document.snapshot.file));
    return;
  }
  const items = sources.map(({ name, bytes }) => ({ label: name, description: formatBytes(bytes) }));
  const picked =
    items.length === 1
      ? items[0]
      : await vscode.window.showQuickPick(items, {
          placeHolder: vscode.l10n.t('Source of {0}', document.snapshot.file),
        });
  if (picked === undefined) return;
  const uri = vscode.Uri.from({ scheme, path: `/${picked.label}`, query: document.uri.toString() });
  const text = await vscode.workspace.openTextDocument(uri);
  await vscode.languages.setTextDocumentLanguage(text, 'python');
  await vscode.window.showTextDocument(text, { preview: true });
}
