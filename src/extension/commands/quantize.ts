import * as vscode from 'vscode';
import type { EngineName } from '../../protocol/dto';
import type { InspectorDocument } from '../inspector/inspectorDocument';

/** Asks for the engine whose arithmetic to follow, then quantizes. */
export async function quantize(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const { spec } = document.snapshot;
  const items: (vscode.QuickPickItem & { engine: EngineName })[] = [
    { engine: 'fbgemm', label: 'fbgemm', description: vscode.l10n.t('PyTorch on x86; activations keep 7 bits') },
    { engine: 'x86', label: 'x86', description: vscode.l10n.t('PyTorch on x86 by its newer name; the same as fbgemm') },
    { engine: 'onednn', label: 'onednn', description: vscode.l10n.t('PyTorch with oneDNN; activations keep 7 bits') },
    { engine: 'qnnpack', label: 'qnnpack', description: vscode.l10n.t('PyTorch on ARM; activations use 8 bits') },
  ];
  // The engine in use comes first, so that Enter is enough.
  items.sort((a, b) => Number(b.engine === spec.engine) - Number(a.engine === spec.engine));
  const title = vscode.l10n.t('Quantize {0} dynamically', document.snapshot.file);
  const picked = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: vscode.l10n.t('Engine of PyTorch to follow'),
    // The editor that opened for this takes the focus a moment later.
    ignoreFocusOut: true,
  });
  if (picked === undefined) return;
  await document.quantize(picked.engine === spec.engine ? {} : { engine: picked.engine });
}
