import * as vscode from 'vscode';
import { commandIds, viewTypes } from '../contributions';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';
import { copyAsPython } from './copyAsPython';
import { createRecipeModel } from './createRecipeModel';
import { exportModel } from './exportModel';
import { goToModule } from './goToModule';
import { quantize } from './quantize';
import { registerReprDiff, showReprDiff } from './reprDiff';
import { runForward } from './runForward';

const modelFiles = { Models: ['pt', 'pth', 'ckpt', 'bin', 'safetensors', 'onnx'], 'All files': ['*'] };

/** The palette's and the menus' commands. Each works on the file it was called on, else on the active model. */
export function registerCommands(services: Services): void {
  registerReprDiff(services);
  const active = () => services.documents.active;
  const handlers: Record<keyof typeof commandIds, (uri?: vscode.Uri) => unknown> = {
    openModel: () => openModel(),
    inspect: (uri) => documentFor(services, uri),
    quantize: async (uri) => quantize(await documentFor(services, uri)),
    runForward: async (uri) => runForward(await documentFor(services, uri)),
    cancel: () => active()?.cancel(),
    undo: () => active()?.undo(),
    exportModel: async (uri) => exportModel(await documentFor(services, uri), services),
    showReprDiff: () => showReprDiff(active()),
    copyAsPython: () => copyAsPython(active()),
    createRecipeModel: () => createRecipeModel(services),
    scan: async (uri) => showScan(await documentFor(services, uri)),
    goToModule: () => goToModule(active()),
    reload: () => active()?.reload(),
    revealEditor: () => documentFor(services, undefined),
  };
  for (const [name, handler] of Object.entries(handlers)) {
    const id = commandIds[name as keyof typeof commandIds];
    services.context.subscriptions.push(
      vscode.commands.registerCommand(id, (uri?: unknown) => handler(uri instanceof vscode.Uri ? uri : undefined)),
    );
  }
}

async function openModel(): Promise<void> {
  const [uri] = (await vscode.window.showOpenDialog({ filters: modelFiles, canSelectMany: false })) ?? [];
  if (uri !== undefined) await openInspector(uri);
}

/** Opens the file in the inspector and waits until its header is read. */
async function documentFor(services: Services, uri: vscode.Uri | undefined): Promise<InspectorDocument | undefined> {
  const target = uri ?? services.documents.active?.uri;
  if (target === undefined) return undefined;
  await openInspector(target);
  const document = services.documents.find(target);
  await document?.loaded;
  return document;
}

async function openInspector(uri: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand('vscode.openWith', uri, viewTypes.inspector);
}

function showScan(document: InspectorDocument | undefined): void {
  if (document?.snapshot.model == null) return;
  document.showTab('overview');
  const { safety, file } = document.snapshot.model;
  const flagged = safety.globals.filter((global) => global.verdict === 'dangerous');
  if (flagged.length > 0) {
    const names = flagged.map((global) => `${global.module}.${global.name}`).join(', ');
    void vscode.window.showWarningMessage(
      vscode.l10n.t('{0} asks Python to run code: {1}. Quantscope did not run it.', file, names),
    );
  } else {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('{0} names {1} globals; none runs code.', file, safety.globals.length),
    );
  }
}
