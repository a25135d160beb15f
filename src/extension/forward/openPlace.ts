import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { InspectorDocument } from '../inspector/inspectorDocument';

/** Opens the source at the line that the notice names. Only files that the person chose, or beside them, are opened. */
export async function openPlace(document: InspectorDocument): Promise<void> {
  const { where } = document.snapshot.notice ?? {};
  const line = Number(/^line (\d+)$/.exec(where?.field ?? '')?.[1] ?? 1) - 1;
  const [, name, cell] = /^(.*?)(?:, cell (\d+))?$/.exec(where?.file ?? '') ?? [];
  if (name === undefined || name === '') return;
  const chosen = document.code.triedSource?.path;
  if (chosen !== undefined && /\.(py|ipynb)$/i.test(name) && name === basename(name)) {
    const uri = vscode.Uri.file(join(dirname(chosen), name));
    if (cell === undefined) await showText(uri, line);
    else await showCell(uri, Number(cell) - 1, line);
    return;
  }
  const sources = await document.engine.call('sources', {});
  const own = sources.find((source) => source.name === name || source.name.endsWith(`/${name}`));
  if (own === undefined) return;
  const uri = vscode.Uri.from({
    scheme: 'quantscope-source',
    path: `/${own.name}`,
    query: document.uri.toString(),
  });
  await showText(uri, line);
}

async function showText(uri: vscode.Uri, line: number): Promise<void> {
  const text = await vscode.workspace.openTextDocument(uri);
  const at = new vscode.Position(Math.max(0, Math.min(line, text.lineCount - 1)), 0);
  await vscode.window.showTextDocument(text, { selection: new vscode.Range(at, at), preview: true });
}

/** The nth code cell of a notebook, with the cursor in its line. */
async function showCell(uri: vscode.Uri, index: number, line: number): Promise<void> {
  const notebook = await vscode.workspace.openNotebookDocument(uri);
  const cell = notebook.getCells().filter(({ kind }) => kind === vscode.NotebookCellKind.Code)[index];
  const range = cell && new vscode.NotebookRange(cell.index, cell.index + 1);
  const editor = await vscode.window.showNotebookDocument(notebook, range && { selections: [range] });
  if (cell === undefined || range === undefined) return;
  editor.revealRange(range, vscode.NotebookEditorRevealType.InCenter);
  const shown = vscode.window.visibleTextEditors.find(({ document }) => document === cell.document);
  if (shown !== undefined) shown.selection = new vscode.Selection(line, 0, line, 0);
}
