import * as vscode from 'vscode';
import { type ArraysDto, defaultShardBytes, type ExportRequestDto } from '../../protocol/exportDto';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';
import { fileNamePart, suggestedFile } from './suggestedFile';
import { writeExport } from './writeExport';

/** Which values of a tensor, and by which spec where the page does not say the scheme. */
export interface SavedTensor extends Pick<ArraysDto, 'values' | 'scheme'> {
  readonly name: string;
  readonly spec: QuantizeSpecDto | null;
}

/** Writes one tensor as .npy, or as .npz with its scale beside the codes, where the person says. */
export async function saveTensor(
  document: InspectorDocument,
  services: Services,
  { name, values, scheme, spec }: SavedTensor,
): Promise<void> {
  const kind = { own: '', codes: '.int8', dequantized: '.dequantized' }[values];
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggestedFile(document.uri, document.snapshot.file, `${fileNamePart(name + kind)}.npy`),
    filters: { 'NumPy .npy': ['npy'], 'NumPy .npz': ['npz'] },
    saveLabel: vscode.l10n.t('Save'),
  });
  if (target === undefined) return;
  const request: ExportRequestDto = {
    target: target.fsPath,
    format: target.path.endsWith('.npz') ? 'npz' : 'npy',
    arrays: { names: [name], values, scheme },
    spec,
    layout: 'state_dict',
    torchStyle: '1.13',
    module: '',
    shardBytes: defaultShardBytes,
    reduceRange: false,
    // The save dialog asked before an existing file was chosen.
    overwrite: true,
  };
  await writeExport(document, services, request, target);
}

interface Choice extends vscode.QuickPickItem {
  readonly values: ArraysDto['values'];
}

/** The same for a tensor of the tree that has values of these kinds, after asking which where there are several. */
export async function saveShownTensor(
  document: InspectorDocument | undefined,
  services: Services,
  name: string,
  kinds: readonly ArraysDto['values'][],
): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const { quantizedSpec: spec } = document.snapshot;
  const offered = choices().filter(({ values }) => kinds.includes(values));
  const picked = offered.length === 1 ? offered[0] : await vscode.window.showQuickPick(offered, { title: name });
  if (picked === undefined) return;
  await saveTensor(document, services, { name, values: picked.values, scheme: 'per_tensor', spec });
}

function choices(): Choice[] {
  return [
    { label: vscode.l10n.t('Values of the file'), values: 'own' },
    { label: vscode.l10n.t('int8 codes'), values: 'codes' },
    { label: vscode.l10n.t('Dequantized values'), values: 'dequantized' },
  ];
}
