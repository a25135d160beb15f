import * as vscode from 'vscode';
import { defaultShardBytes, type ExportFormat, type ExportRequestDto } from '../../protocol/exportDto';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';
import { writeExport } from './writeExport';

interface Choice extends vscode.QuickPickItem {
  readonly format: ExportFormat;
  readonly suffix: string;
  readonly layout: ExportRequestDto['layout'];
}

function choices(document: InspectorDocument): Choice[] {
  return [
    {
      label: 'PyTorch',
      description: vscode.l10n.t('the state dict that quantize_dynamic saves'),
      format: 'torch',
      suffix: 'pt',
      layout: 'state_dict',
    },
    {
      label: 'PyTorch, set_weight_bias',
      description: vscode.l10n.t('plain tensors that load with weights_only=True'),
      format: 'torch',
      suffix: 'pt',
      layout: 'set_weight_bias',
    },
    ...(document.snapshot.model?.holdsModules === true ? [wholeModule()] : []),
    {
      label: 'safetensors',
      description: vscode.l10n.t('int8 weights with scales and zero points'),
      format: 'safetensors',
      suffix: 'safetensors',
      layout: 'state_dict',
    },
    {
      label: 'ONNX',
      description: vscode.l10n.t('a graph that ONNX Runtime runs, activations quantized at every run'),
      format: 'onnx',
      suffix: 'onnx',
      layout: 'state_dict',
    },
    {
      label: 'NumPy',
      description: vscode.l10n.t('every tensor as an array'),
      format: 'npz',
      suffix: 'npz',
      layout: 'state_dict',
    },
  ];
}

/** Only a file of torch.save(model) says of which classes its modules are. */
function wholeModule(): Choice {
  return {
    label: vscode.l10n.t('PyTorch, whole modules'),
    description: vscode.l10n.t('the modules themselves, which torch.load gives back ready to run'),
    format: 'torch',
    suffix: 'pt',
    layout: 'whole_module',
  };
}

/** Writes the quantized model beside the file, where and how a person says; the file itself is never changed. */
export async function exportModel(document: InspectorDocument | undefined, services: Services): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  const spec = document.snapshot.quantizedSpec ?? document.snapshot.spec;
  const choice = await vscode.window.showQuickPick(choices(document), {
    title: vscode.l10n.t('Export {0}, quantized with {1}', document.snapshot.file, spec.engine),
    placeHolder: vscode.l10n.t('Format of the file'),
    ignoreFocusOut: true,
  });
  if (choice === undefined) return;
  const module = choice.format === 'onnx' ? await pickModule(document) : '';
  if (module === undefined) return;
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggestedTarget(document, choice),
    filters: { [choice.label]: [choice.suffix] },
    saveLabel: vscode.l10n.t('Export'),
  });
  if (target === undefined) return;
  const request: ExportRequestDto = {
    target: target.fsPath,
    format: choice.format,
    layout: choice.layout,
    spec,
    torchStyle: '1.13',
    module,
    shardBytes: defaultShardBytes,
    reduceRange: false,
    // The save dialog asked before an existing file was chosen.
    overwrite: true,
  };
  await writeExport(document, services, request, target);
}

/** The module whose graph is written; an ONNX model is rewritten whole. Undefined when nobody chose. */
async function pickModule(document: InspectorDocument): Promise<string | undefined> {
  const { model } = document.snapshot;
  if (model === null || model.format === 'onnx') return '';
  if (model.runnable.length <= 1) return model.runnable[0]?.path ?? '';
  const items = model.runnable.map(({ path, repr }) => ({
    label: path || document.snapshot.file,
    description: repr,
    path,
  }));
  const title = vscode.l10n.t('A state dict does not say how modules are joined: which one is to be written?');
  return (await vscode.window.showQuickPick(items, { title }))?.path;
}

function suggestedTarget(document: InspectorDocument, { suffix }: Choice): vscode.Uri {
  const stem = document.snapshot.file.replace(/\.[^.]*$/, '');
  return vscode.Uri.joinPath(document.uri, '..', `${stem}.int8.${suffix}`);
}
