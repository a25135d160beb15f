import * as vscode from 'vscode';
import { toErrorDetails } from '../../core/errors';
import { formatBytes } from '../../core/text';
import type { ExportReportDto, ExportRequestDto } from '../../protocol/exportDto';
import { errorText } from '../errorText';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { withNotification } from '../progressText';
import type { Services } from '../services';

/** Writes an export with progress and cancel, and says what was written or why not. */
export async function writeExport(
  document: InspectorDocument,
  { log }: Services,
  request: ExportRequestDto,
  target: vscode.Uri,
): Promise<void> {
  try {
    const report = await writeAsMeant((acceptsAmbiguous) => write(document, { ...request, acceptsAmbiguous }));
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

function write(document: InspectorDocument, request: ExportRequestDto): Thenable<ExportReportDto> {
  return withNotification(vscode.l10n.t('Exporting {0}', document.snapshot.file), (options) =>
    document.engine.call('exportModel', request, options),
  );
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
