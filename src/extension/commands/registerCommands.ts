import * as vscode from 'vscode';
import { commandIds, viewTypes } from '../contributions';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';
import { compareFiles } from './compareFiles';
import { copyAsPython } from './copyAsPython';
import { createRecipeModel } from './createRecipeModel';
import { exportModel } from './exportModel';
import { exportReport } from './exportReport';
import { goToModule } from './goToModule';
import { openSource, registerSources } from './openSource';
import { quantize } from './quantize';
import { registerReprDiff, showReprDiff } from './reprDiff';
import { runForward } from './runForward';

const modelFiles = {
  Models: ['pt', 'pth', 'pt2', 'ptl', 'ckpt', 'bin', 'safetensors', 'onnx', 'gguf'],
  'All files': ['*'],
};

/** The Runs view, the tree and the actions on classes register their own. */
type OwnCommand = Exclude<
  keyof typeof commandIds,
  'saveTensor' | 'applyRun' | 'compareRuns' | 'clearRuns' | 'inspectClass' | 'quantizeClass' | 'runClass'
>;

/** The palette's and the menus' commands. Each works on the file it was called on, else on the active model. */
export function registerCommands(services: Services): void {
  registerReprDiff(services);
  registerSources(services);
  const active = () => services.documents.active;
  const handlers: Record<OwnCommand, (uri?: vscode.Uri, selected?: readonly vscode.Uri[]) => unknown> = {
    openModel: () => openModel(),
    inspect: (uri) => documentFor(services, uri),
    quantize: async (uri) => quantize(await documentFor(services, uri)),
    runForward: async (uri) => runForward(await documentFor(services, uri)),
    cancel: () => active()?.cancel(),
    undo: () => active()?.undo(),
    exportModel: async (uri) => exportModel(await documentFor(services, uri), services),
    showReprDiff: () => showReprDiff(active()),
    openSource: () => openSource(active()),
    copyAsPython: () => copyAsPython(active()),
    exportReport: () => exportReport(active()),
    compareFiles: () => compareFiles(active()),
    compareQuantized: async (uri) => compareQuantized(await documentFor(services, uri)),
    openWalkthrough: () => openWalkthrough(services),
    compareSelected: (uri, selected) => compareSelected(services, uri, selected),
    createRecipeModel: () => createRecipeModel(services),
    scan: async (uri) => showScan(await documentFor(services, uri)),
    goToModule: () => goToModule(active()),
    reload: () => active()?.reload(),
    revealEditor: () => documentFor(services, undefined),
  };
  for (const [name, handler] of Object.entries(handlers)) {
    const id = commandIds[name as OwnCommand];
    services.context.subscriptions.push(
      vscode.commands.registerCommand(id, (uri?: unknown, selected?: unknown) =>
        handler(
          uri instanceof vscode.Uri ? uri : undefined,
          Array.isArray(selected) ? selected.filter((each) => each instanceof vscode.Uri) : undefined,
        ),
      ),
    );
  }
}

/** Quantizes where that is not done yet, then runs both models on the same input. */
async function compareQuantized(document: InspectorDocument | undefined): Promise<void> {
  if (document?.snapshot.phase !== 'ready') return;
  if (document.snapshot.quantized === null) await document.quantize();
  await runForward(document);
}

async function openWalkthrough({ context }: Services): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#recipe`, false);
}

/** Two files chosen in the Explorer: the one that was clicked is the one after. */
async function compareSelected(
  services: Services,
  clicked: vscode.Uri | undefined,
  selected: readonly vscode.Uri[] = [],
): Promise<void> {
  const before = selected.find((uri) => uri.toString() !== clicked?.toString());
  if (clicked === undefined || before === undefined) return;
  await compareFiles(await documentFor(services, before), clicked);
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
