import * as vscode from 'vscode';
import { findModuleClasses } from '../../core/moduleClasses';
import { quantize } from '../commands/quantize';
import { commandIds, viewTypes } from '../contributions';
import type { Services } from '../services';
import { useClass } from './chooseCode';
import { findCheckpoints } from './findClasses';
import { runWhole } from './runWhole';

/**
 * Inspect · Quantize · Run above every `class … (nn.Module)` of a Python file, and in the status
 * bar of a notebook's cell. The checkpoint is asked for where the workspace has several; the one
 * that was taken last for a class comes first.
 */

/** Which class; the command's argument, plain so that a notebook can keep it. */
interface ClassReference {
  readonly path: string;
  readonly className: string;
}

const actions = ['inspectClass', 'quantizeClass', 'runClass'] as const;
type Action = (typeof actions)[number];

function titles(): Readonly<Record<Action, string>> {
  return {
    inspectClass: vscode.l10n.t('Inspect'),
    quantizeClass: vscode.l10n.t('Quantize'),
    runClass: vscode.l10n.t('Run'),
  };
}

export function registerClassActions(services: Services): void {
  const { context } = services;
  context.subscriptions.push(
    vscode.languages.registerCodeLensProvider({ language: 'python', scheme: 'file' }, { provideCodeLenses: lenses }),
    vscode.notebooks.registerNotebookCellStatusBarItemProvider('jupyter-notebook', {
      provideCellStatusBarItems: cellItems,
    }),
    ...actions.map((action) =>
      vscode.commands.registerCommand(commandIds[action], (reference?: unknown) => act(services, action, reference)),
    ),
  );
}

function command(action: Action, title: string, reference: ClassReference): vscode.Command {
  return { command: commandIds[action], title, arguments: [reference] };
}

function lenses(document: vscode.TextDocument): vscode.CodeLens[] {
  return findModuleClasses(document.getText()).flatMap(({ name, line }) => {
    const range = new vscode.Range(line, 0, line, 0);
    const reference = { path: document.uri.fsPath, className: name };
    return actions.map((action) => new vscode.CodeLens(range, command(action, titles()[action], reference)));
  });
}

/** The last class of a cell: what is built on the others. */
function cellItems(cell: vscode.NotebookCell): vscode.NotebookCellStatusBarItem[] {
  if (cell.document.languageId !== 'python' || cell.notebook.uri.scheme !== 'file') return [];
  const last = findModuleClasses(cell.document.getText()).at(-1);
  if (last === undefined) return [];
  const reference = { path: cell.notebook.uri.fsPath, className: last.name };
  const icons: Readonly<Record<Action, string>> = {
    inspectClass: 'search',
    quantizeClass: 'graph',
    runClass: 'play',
  };
  return actions.map((action) => {
    const text = `$(${icons[action]}) ${titles()[action]} ${last.name}`;
    const item = new vscode.NotebookCellStatusBarItem(text, vscode.NotebookCellStatusBarAlignment.Left);
    item.command = command(action, titles()[action], reference);
    item.tooltip = vscode.l10n.t(
      'Quantscope: {0} {1} with its checkpoint, without Python',
      titles()[action],
      last.name,
    );
    return item;
  });
}

function isReference(value: unknown): value is ClassReference {
  const { path, className } = (value ?? {}) as Partial<Record<keyof ClassReference, unknown>>;
  return typeof path === 'string' && /\.(py|ipynb)$/i.test(path) && typeof className === 'string';
}

async function act(services: Services, action: Action, reference: unknown): Promise<void> {
  if (!isReference(reference)) return;
  const { path, className } = reference;
  warnUnsaved(path);
  const checkpoint = await chooseCheckpoint(services, reference);
  if (checkpoint === undefined) return;
  await vscode.commands.executeCommand('vscode.openWith', checkpoint, viewTypes.inspector);
  const document = services.documents.find(checkpoint);
  await document?.loaded;
  if (document?.snapshot.phase !== 'ready') return;
  const built = await useClass(document, { path, className, init: {} });
  // What does not fit is said in the inspector, and the file can be looked at all the same.
  if (built) remember(services, reference, checkpoint);
  if (action === 'quantizeClass') await quantize(document);
  if (action === 'runClass' && built) await runWhole(document);
}

/** The engine reads files, not editors. */
function warnUnsaved(path: string): void {
  const open = [...vscode.workspace.textDocuments, ...vscode.workspace.notebookDocuments];
  if (open.some(({ uri, isDirty }) => isDirty && uri.fsPath === path)) {
    void vscode.window.showWarningMessage(vscode.l10n.t('The source has unsaved changes: the saved version is used.'));
  }
}

const key = ({ path, className }: ClassReference) => `quantscope.checkpoint:${path}:${className}`;

function remember({ context }: Services, reference: ClassReference, checkpoint: vscode.Uri): void {
  void context.workspaceState.update(key(reference), checkpoint.toString());
}

async function chooseCheckpoint({ context }: Services, reference: ClassReference): Promise<vscode.Uri | undefined> {
  const found = await findCheckpoints(vscode.Uri.file(reference.path));
  if (found.length === 1) return found[0];
  const last = context.workspaceState.get<string>(key(reference));
  found.sort((a, b) => Number(b.toString() === last) - Number(a.toString() === last));
  const other = vscode.l10n.t('Choose a checkpoint…');
  const items: (vscode.QuickPickItem & { uri?: vscode.Uri })[] = [
    ...found.map((uri) => ({ label: `$(file-binary) ${vscode.workspace.asRelativePath(uri)}`, uri })),
    { label: `$(folder-opened) ${other}` },
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Which checkpoint has the weights of {0}?', reference.className),
    ignoreFocusOut: true,
  });
  if (picked === undefined) return undefined;
  if (picked.uri !== undefined) return picked.uri;
  const [uri] = (await vscode.window.showOpenDialog({ canSelectMany: false, openLabel: other })) ?? [];
  return uri;
}
