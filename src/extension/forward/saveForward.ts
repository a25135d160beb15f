import * as vscode from 'vscode';
import { formatBytes } from '../../core/text';
import type { SavedArraysDto } from '../../protocol/forwardDto';
import { fileNamePart, suggestedFile } from '../commands/suggestedFile';
import type { InspectorDocument } from '../inspector/inspectorDocument';

/** Asks where, then writes outputs or activations of the last forward pass. */
export async function saveForward(document: InspectorDocument, what: SavedArraysDto): Promise<void> {
  const { file, forward } = document.snapshot;
  if (forward === null) return;
  const isOne = what.kind === 'outputs' && what.which !== 'both' && forward.outputs.length === 1;
  const single = isOne || what.kind === 'step' || (what.kind === 'outputs' && what.output !== undefined);
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggestedFile(document.uri, file, `${fileNamePart(nameOf(what))}.${single ? 'npy' : 'npz'}`),
    filters: single ? { 'NumPy .npy': ['npy'], 'NumPy .npz': ['npz'] } : { 'NumPy .npz': ['npz'] },
    saveLabel: vscode.l10n.t('Save outputs'),
  });
  if (target === undefined) return;
  const bytes = await document.saveForward(what, target.fsPath);
  if (bytes === undefined) return;
  const shown = target.path.slice(target.path.lastIndexOf('/') + 1);
  void vscode.window.showInformationMessage(vscode.l10n.t('Wrote {0}: {1}.', shown, formatBytes(bytes)));
}

function nameOf(what: SavedArraysDto): string {
  switch (what.kind) {
    case 'outputs':
      return what.output === undefined ? `outputs.${what.which}` : `output.${what.output}.${what.which}`;
    case 'activation':
      return `${what.module}.${what.weight}.activations`;
    case 'step':
      return `${what.module}.${what.weight}.${what.call}.${what.step}.${what.which}`;
  }
}
