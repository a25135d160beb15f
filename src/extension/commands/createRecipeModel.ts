import * as vscode from 'vscode';
import { toErrorDetails } from '../../core/errors';
import { viewTypes } from '../contributions';
import { errorText } from '../errorText';
import type { Services } from '../services';

const fileName = 'recipe_lstm.pt';

/**
 * Writes the LSTM of PyTorch's dynamic quantization recipe, generated from its seed, and opens
 * it: into the workspace where there is one, else into the extension's own storage.
 */
export async function createRecipeModel({ context, pool, log }: Services): Promise<void> {
  const folder =
    vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri ?? context.globalStorageUri;
  await vscode.workspace.fs.createDirectory(folder);
  const target = vscode.Uri.joinPath(folder, fileName);
  const engine = pool.scratch();
  try {
    // An existing file is opened as it is: it may be a person's own.
    if (!(await exists(target))) await engine.call('writeRecipe', { path: target.fsPath });
    await vscode.commands.executeCommand('vscode.openWith', target, viewTypes.inspector);
  } catch (error) {
    const details = toErrorDetails(error, fileName);
    log.error(details.message);
    void vscode.window.showErrorMessage(vscode.l10n.t('The recipe could not be written: {0}', errorText(details)));
  } finally {
    engine.dispose();
  }
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
