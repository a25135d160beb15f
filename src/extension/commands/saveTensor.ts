import * as vscode from 'vscode';
import { type ArraysDto, defaultShardBytes, type ExportRequestDto } from '../../protocol/exportDto';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';
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
  const stem = document.snapshot.file.replace(/\.[^.]*$/, '');
  const kind = { own: '', codes: '.int8', dequantized: '.dequantized' }[values];
  const suggested = `${stem}.${name}${kind}`.replace(/[^\w.-]/g, '_').slice(-maxName);
  const target = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.joinPath(document.uri, '..', `${suggested}.npy`),
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

/** Names of files may have 255 bytes, with a suffix and what is written beside them first. */
const maxName = 200;

interface Choice extends vscode.QuickPickItem {
  readonly values: ArraysDto['values'];
}

/** The same for a tensor of the tree, after asking which of its values where there are several kinds. */
export async function saveShownTensor(
  document: InspectorDocument | undefined,
  services: Services,
  name: string,
  isQuantized: boolean,
): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const spec = isQuantized ? document.snapshot.quantizedSpec : null;
  const values = spec === null ? 'own' : (await vscode.window.showQuickPick(choices(), { title: name }))?.values;
  if (values !== undefined) await saveTensor(document, services, { name, values, scheme: 'per_tensor', spec });
}

function choices(): Choice[] {
  return [
    { label: vscode.l10n.t('Values of the file'), values: 'own' },
    { label: vscode.l10n.t('int8 codes'), values: 'codes' },
    { label: vscode.l10n.t('Dequantized values'), values: 'dequantized' },
  ];
}
