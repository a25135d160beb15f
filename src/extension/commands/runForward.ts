import * as vscode from 'vscode';
import { chooseCode } from '../forward/chooseCode';
import { findClasses } from '../forward/findClasses';
import { runWhole } from '../forward/runWhole';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { forwardSeed } from '../settings';

/**
 * Runs the whole model where it is known what it runs by, asks for its class where the workspace
 * has classes, and else runs the selected module, or the first that can be run by itself.
 */
export async function runForward(document: InspectorDocument | undefined): Promise<void> {
  const model = document?.snapshot.model;
  if (document === undefined || model == null) return;
  document.showTab('forward');
  if (document.code.isKnown) {
    await document.code.prepare();
    // A notice says what is wrong with the code; the form is there to try something else.
    return runWhole(document);
  }
  // A whole module of PyTorch's own classes needs no source.
  const complete = model.runnable.some(({ path }) => path === '');
  const classes = complete || document.code.declined ? [] : await findClasses(document.engine, document.uri);
  if (classes.length > 0) {
    if (await chooseCode(document, { modules: true, classes })) return runWhole(document);
    document.code.declined = true;
  }
  if (model.runnable.length === 0) return offerOtherWays(document);
  const selected = document.snapshot.selection?.slice(2) ?? '';
  const found = model.runnable.find(({ path }) => path !== '' && `${selected}.`.startsWith(`${path}.`));
  const { path, inputs } = (complete ? undefined : found) ?? model.runnable[0];
  await document.runForward({ module: path, seed: forwardSeed(), shapes: inputs.map(({ shape }) => shape) });
}

async function offerOtherWays(document: InspectorDocument): Promise<void> {
  const choose = vscode.l10n.t('Choose the class…');
  const picked = await vscode.window.showInformationMessage(
    vscode.l10n.t(
      '{0} has no module that can be run by itself: Linear, LSTM and Embedding can.',
      document.snapshot.file,
    ),
    choose,
  );
  if (picked === choose && (await chooseCode(document))) await runWhole(document);
}
