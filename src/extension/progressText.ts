import * as vscode from 'vscode';
import { type Progress, TimeLeft } from '../core/progress';
import { formatBytes } from '../core/text';
import type { EngineCallOptions } from '../worker/enginePool';

/** Runs work under a notification that shows how far it is and can cancel it. */
export function withNotification<T>(title: string, task: (options: EngineCallOptions) => Promise<T>): Thenable<T> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (progress, token) => {
    const controller = new AbortController();
    token.onCancellationRequested(() => controller.abort());
    return task({ signal: controller.signal, onProgress: notificationProgress(progress) });
  });
}

/** The share as a bar; what is done, bytes and the time left as text. */
function notificationProgress(
  progress: vscode.Progress<{ readonly message?: string; readonly increment?: number }>,
): Progress {
  const left = new TimeLeft();
  let shown = 0;
  return (done, total, what, unit) => {
    const percent = total > 0 ? (100 * done) / total : 0;
    progress.report({
      message: progressText(done, total, what, unit === 'bytes', left.seconds(done, total)),
      increment: Math.max(0, percent - shown),
    });
    shown = Math.max(shown, percent);
  };
}

function progressText(done: number, total: number, what: string, inBytes: boolean, seconds: number | null): string {
  const parts = [what];
  if (inBytes) parts.push(vscode.l10n.t('{0} of {1}', formatBytes(done), formatBytes(total)));
  if (seconds !== null) {
    const minutes = Math.round(seconds / 60);
    parts.push(seconds < 90 ? vscode.l10n.t('{0} s left', seconds) : vscode.l10n.t('{0} min left', minutes));
  }
  return parts.join(' · ');
}
