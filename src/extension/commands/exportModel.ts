import * as vscode from 'vscode';
import { toErrorDetails } from '../../core/errors';
import { formatBytes } from '../../core/text';
import {
  defaultShardBytes,
  type ExportFormat,
  type ExportReportDto,
  type ExportRequestDto,
} from '../../protocol/exportDto';
import type { QuantizeSpecDto } from '../../protocol/quantizeDto';
import { errorText } from '../errorText';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { notificationProgress } from '../progressText';
import type { Services } from '../services';

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
export async function exportModel(document: InspectorDocument | undefined, { log }: Services): Promise<void> {
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
  try {
    const report = await writeAsMeant((accepts) => write(document, choice, spec, target.fsPath, module, accepts));
    if (report !== undefined) await announce(report, target);
  } catch (error) {
    const details = toErrorDetails(error, document.snapshot.file);
    if (details.kind === 'aborted') return;
    log.warn(`export failed: ${details.code} ${details.message}`);
    void vscode.window.showErrorMessage(errorText(details));
  }
}

/** A file in which tools find different models is written only when a person says that the one shown is meant. */
async function writeAsMeant(
  write: (acceptsAmbiguous: boolean) => Thenable<ExportReportDto>,
): Promise<ExportReportDto | undefined> {
  try {
    return await write(false);
  } catch (error) {
    const { code, found } = toErrorDetails(error);
    if (code !== 'E_EXPORT_AMBIGUOUS') throw error;
    const yes = vscode.l10n.t('Export What PyTorch Loads');
    const question = vscode.l10n.t('Tools disagree which model this file is. Export the one that is shown?');
    const picked = await vscode.window.showWarningMessage(question, { modal: true, detail: found }, yes);
    return picked === yes ? write(true) : undefined;
  }
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

function write(
  document: InspectorDocument,
  { format, layout }: Choice,
  spec: QuantizeSpecDto,
  target: string,
  module: string,
  acceptsAmbiguous: boolean,
): Thenable<ExportReportDto> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: vscode.l10n.t('Exporting {0}', document.snapshot.file),
    cancellable: true,
  };
  return vscode.window.withProgress(options, (progress, token) => {
    const controller = new AbortController();
    token.onCancellationRequested(() => controller.abort());
    const onProgress = notificationProgress(progress);
    const request: ExportRequestDto = {
      target,
      format,
      layout,
      spec,
      torchStyle: '1.13',
      module,
      shardBytes: defaultShardBytes,
      reduceRange: false,
      // The save dialog asked before an existing file was chosen.
      overwrite: true,
      acceptsAmbiguous,
    };
    return document.engine.call('exportModel', request, { signal: controller.signal, onProgress });
  });
}

async function announce({ files, bytes, verified, load }: ExportReportDto, target: vscode.Uri): Promise<void> {
  const copy = vscode.l10n.t('Copy Python');
  const open = vscode.l10n.t('Open');
  const picked = await vscode.window.showInformationMessage(
    vscode.l10n.t('Wrote {0}: {1}, {2} tensors read back.', files[0].name, formatBytes(bytes), verified),
    copy,
    open,
  );
  if (picked === copy) await vscode.env.clipboard.writeText(load);
  if (picked === open)
    await vscode.commands.executeCommand('vscode.open', vscode.Uri.joinPath(target, '..', files[0].name));
}
