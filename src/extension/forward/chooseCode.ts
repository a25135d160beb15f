import * as vscode from 'vscode';
import type { ModelSourceDto, ModuleClassDto } from '../../protocol/forwardDto';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { findClasses, placeText } from './findClasses';

type Item = vscode.QuickPickItem & {
  /** True when the whole model can run afterwards. */
  choose?(): Promise<boolean>;
};

/**
 * Asks by what the whole model is to run: a class of the workspace, a file that is not in it, or a
 * plan. Gives true when the model could be built; `modules` adds single modules to the choice.
 */
export async function chooseCode(
  document: InspectorDocument,
  { modules = false, classes }: { readonly modules?: boolean; readonly classes?: readonly ModuleClassDto[] } = {},
): Promise<boolean> {
  const { file, model } = document.snapshot;
  if (model === null) return false;
  const named = model.className?.split('.').at(-1);
  const found = [...(classes ?? (await findClasses(document.engine, document.uri)))].sort(
    (a, b) => Number(b.className === named) - Number(a.className === named),
  );
  const separator = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const items: Item[] = [
    ...(found.length > 0 ? [separator(vscode.l10n.t('Classes of the workspace'))] : []),
    ...found.map(
      (one): Item => ({
        label: `$(symbol-class) ${one.className}`,
        description: placeText(one),
        choose: () => useClass(document, { path: one.path, className: one.className, init: {} }),
      }),
    ),
    separator(vscode.l10n.t('Other ways')),
    {
      label: `$(folder-opened) ${vscode.l10n.t('Choose a Python file or notebook…')}`,
      choose: () => chooseFile(document),
    },
    {
      label: `$(list-tree) ${vscode.l10n.t('Forward plan')}`,
      description: vscode.l10n.t('an assumption from names and shapes, to be edited'),
      choose: () => document.code.proposePlan(),
    },
    ...(modules ? [{ label: `$(symbol-module) ${vscode.l10n.t('One module only')}` }] : []),
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Which class is {0}?', file),
    placeHolder: vscode.l10n.t('The source is read and interpreted by Quantscope; Python does not run.'),
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  return (await picked?.choose?.()) ?? false;
}

/** Builds the class with the file's state dict; asks for the arguments of `__init__` that no shape tells. */
export async function useClass(document: InspectorDocument, source: ModelSourceDto): Promise<boolean> {
  if (await document.code.use({ source })) return true;
  const { notice } = document.snapshot;
  if (notice?.code !== 'E_INIT_ARGUMENTS') return false;
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Arguments of {0}.__init__', source.className ?? ''),
    prompt: notice.message,
    value: JSON.stringify(notice.asked ?? {}),
    ignoreFocusOut: true,
    validateInput: (value) => (parseObject(value) === undefined ? vscode.l10n.t('This is no JSON object.') : undefined),
  });
  const init = text === undefined ? undefined : parseObject(text);
  return init === undefined ? false : useClass(document, { ...source, init });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

async function chooseFile(document: InspectorDocument): Promise<boolean> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      canSelectMany: false,
      defaultUri: vscode.Uri.joinPath(document.uri, '..'),
      filters: { Python: ['py', 'ipynb'] },
    })) ?? [];
  if (uri === undefined) return false;
  const classes = await document.engine.call('moduleClasses', { paths: [uri.fsPath] });
  const items = classes.map((one) => ({ label: one.className, description: placeText(one) }));
  const picked = items.length > 1 ? await vscode.window.showQuickPick(items) : items[0];
  if (items.length > 1 && picked === undefined) return false;
  return useClass(document, { path: uri.fsPath, className: picked?.label ?? null, init: {} });
}
