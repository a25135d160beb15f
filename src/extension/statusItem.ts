import * as vscode from 'vscode';
import { formatBytes } from '../core/text';
import { formName } from '../protocol/formNames';
import { commandIds } from './contributions';
import type { Services } from './services';

/** One item while a model is active: what it is now and how large. */
export function registerStatusItem({ context, documents }: Services): void {
  const item = vscode.window.createStatusBarItem('quantscope.status', vscode.StatusBarAlignment.Right, 100);
  item.name = 'Quantscope';
  const follow = () => {
    const snapshot = documents.active?.snapshot;
    if (snapshot?.phase !== 'ready' || snapshot.model === null) {
      item.hide();
      return;
    }
    const { model, quantized } = snapshot;
    const dangerous = model.safety.verdict === 'dangerous';
    const what =
      quantized === null
        ? `${model.dtype} · ${formatBytes(model.bytes)}`
        : `${formName(snapshot.quantizedSpec?.dtype ?? 'qint8')} · ${formatBytes(quantized.bytes.after)}`;
    item.text = `$(${dangerous ? 'warning' : 'graph'}) ${what}`;
    item.tooltip = vscode.l10n.t('{0}: go to a module or tensor', model.file);
    item.command = commandIds.goToModule;
    item.show();
  };
  context.subscriptions.push(item, documents.onDidChange(follow));
}
