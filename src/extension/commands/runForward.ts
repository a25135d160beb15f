import * as vscode from 'vscode';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { forwardSeed } from '../settings';

/** Shows the forward tab; a model with one module that can be run is run at once. */
export async function runForward(document: InspectorDocument | undefined): Promise<void> {
  const model = document?.snapshot.model;
  if (document === undefined || model == null) return;
  document.showTab('forward');
  if (model.runnable.length === 0) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('{0} has no module that can be run by itself: Linear, LSTM and Embedding can.', model.file),
    );
    return;
  }
  if (model.runnable.length > 1) return;
  const [only] = model.runnable;
  await document.runForward({
    module: only.path,
    seed: forwardSeed(),
    shapes: only.inputs.map((input) => input.shape),
  });
}
