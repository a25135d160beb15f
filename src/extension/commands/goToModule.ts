import * as vscode from 'vscode';
import type { InspectorDocument } from '../inspector/inspectorDocument';

const pageSize = 500;

/** A quick pick over modules and tensors; the choice is selected in every view. */
export async function goToModule(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const picker = vscode.window.createQuickPick<vscode.QuickPickItem & { id: string }>();
  picker.title = vscode.l10n.t('Go to a module or tensor of {0}', document.snapshot.file);
  picker.matchOnDescription = true;
  const search = async (filter: string) => {
    picker.busy = true;
    const page = await document.engine.call('rows', {
      filter,
      toggled: [],
      base: 'all',
      start: 0,
      count: pageSize,
      spec: null,
    });
    picker.items = page.rows.map((row) => ({
      id: row.id,
      label: `$(${row.kind === 'module' ? 'symbol-module' : 'symbol-array'}) ${row.fullName || row.label}`,
      description: row.kind === 'module' ? row.repr : `${row.shape?.join(' × ') ?? ''} ${row.dtype}`,
    }));
    picker.busy = false;
  };
  picker.onDidChangeValue((value) => void search(value));
  picker.onDidAccept(() => {
    const [picked] = picker.selectedItems;
    if (picked !== undefined) document.select(picked.id);
    picker.hide();
  });
  picker.onDidHide(() => picker.dispose());
  picker.show();
  await search('');
}
