import * as vscode from 'vscode';
import { commandIds, viewIds, viewTypes } from '../contributions';
import type { Services } from '../services';
import { type Run, runDocument, runTexts } from './runHistory';

const scheme = 'quantscope-run';

/** A quantization with the forward passes that followed it. */
interface Group {
  readonly run: Run;
  readonly passes: readonly Run[];
}

/** Passes belong to the last quantization of the same file and spec before them; those without one stand alone. */
function grouped(runs: readonly Run[]): Group[] {
  const groups: { run: Run; passes: Run[] }[] = [];
  let waiting: Run[] = [];
  const sameChoice = (a: Run, b: Run) => a.uri === b.uri && JSON.stringify(a.spec) === JSON.stringify(b.spec);
  for (const run of runs) {
    if (run.forward !== null) {
      waiting.push(run);
      continue;
    }
    groups.push({ run, passes: waiting.filter((pass) => sameChoice(pass, run)) });
    waiting = waiting.filter((pass) => !sameChoice(pass, run));
  }
  return [...groups, ...waiting.map((run) => ({ run, passes: [] }))].sort((a, b) => b.run.at - a.run.at);
}

class RunsTree implements vscode.TreeDataProvider<Run> {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly services: Services) {
    services.context.subscriptions.push(services.history.onDidChange(() => this.changed.fire()));
  }

  getChildren(parent?: Run): Run[] {
    const groups = grouped(this.services.history.runs);
    if (parent === undefined) return groups.map(({ run }) => run);
    return [...(groups.find(({ run }) => run.id === parent.id)?.passes ?? [])];
  }

  getTreeItem(run: Run): vscode.TreeItem {
    const { label, description } = runTexts(run);
    const passes = this.getChildren(run).length > 0;
    const { Expanded, None } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(label, passes ? Expanded : None);
    item.id = String(run.id);
    item.description = `${description} · ${run.file}`;
    item.iconPath = new vscode.ThemeIcon(run.forward === null ? 'symbol-numeric' : 'play');
    item.tooltip = `${new Date(run.at).toLocaleString()}\n${runDocument(run)}`;
    item.contextValue = 'run';
    return item;
  }
}

/** The Runs view: what was tried in this workspace, each restored or compared by a click. */
export function registerRunsTree(services: Services): void {
  const { context, history } = services;
  const view = vscode.window.createTreeView(viewIds.runs, {
    treeDataProvider: new RunsTree(services),
    canSelectMany: true,
  });
  const find = (uri: vscode.Uri) => history.runs.find(({ id }) => String(id) === uri.query);
  context.subscriptions.push(
    view,
    vscode.workspace.registerTextDocumentContentProvider(scheme, {
      provideTextDocumentContent: (uri) => {
        const run = find(uri);
        return run === undefined ? '' : runDocument(run);
      },
    }),
    vscode.commands.registerCommand(commandIds.applyRun, (run?: Run) => applyRun(services, run ?? view.selection[0])),
    vscode.commands.registerCommand(commandIds.compareRuns, (run?: Run, all?: readonly Run[]) =>
      compareRuns(services, all ?? (run === undefined ? view.selection : [run])),
    ),
    vscode.commands.registerCommand(commandIds.clearRuns, () => history.clear()),
  );
}

/** Opens the file of a run and does the same again. */
async function applyRun({ documents }: Services, run: Run | undefined): Promise<void> {
  if (run === undefined) return;
  const uri = vscode.Uri.parse(run.uri, true);
  await vscode.commands.executeCommand('vscode.openWith', uri, viewTypes.inspector);
  const document = documents.find(uri);
  await document?.loaded;
  if (document?.snapshot.phase !== 'ready') return;
  await document.applySpec(run.spec);
  if (run.forward !== null) await document.runForward(run.forward.request);
}

/** Two runs side by side in VS Code's diff editor; with one chosen, the other is asked for. */
async function compareRuns({ history }: Services, chosen: readonly Run[]): Promise<void> {
  const [first, second = first === undefined ? undefined : await pickOther(history.runs, first)] = chosen;
  if (first === undefined || second === undefined) return;
  const uri = (run: Run) => vscode.Uri.from({ scheme, path: `/${runTexts(run).label}`, query: String(run.id) });
  const title = `${runTexts(first).label} ↔ ${runTexts(second).label}`;
  await vscode.commands.executeCommand('vscode.diff', uri(first), uri(second), title);
}

async function pickOther(runs: readonly Run[], first: Run): Promise<Run | undefined> {
  const items = runs.filter((run) => run !== first).map((run) => ({ run, ...runTexts(run), detail: run.file }));
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('Compare with which run?') });
  return picked?.run;
}
