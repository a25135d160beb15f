import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import type { ModuleClassDto } from '../../protocol/forwardDto';
import type { EngineClient } from '../../worker/enginePool';

const sources = '**/*.{py,ipynb}';
const checkpoints = '**/*.{pt,pth,ckpt,safetensors,bin}';
/** Where other people's code and old copies lie. */
const elsewhere =
  '**/{node_modules,site-packages,dist-packages,.git,.venv,venv,env,.tox,.ipynb_checkpoints,__pycache__}/**';
const maxFiles = 500;

/** The nn.Module classes of the workspace; those beside the model come first. */
export async function findClasses(engine: EngineClient, model: vscode.Uri): Promise<ModuleClassDto[]> {
  const uris = await vscode.workspace.findFiles(sources, elsewhere, maxFiles);
  const paths = uris.filter(({ scheme }) => scheme === 'file').map(({ fsPath }) => fsPath);
  const folder = dirname(model.fsPath);
  const distance = (path: string) => (dirname(path) === folder ? 0 : 1);
  paths.sort((a, b) => distance(a) - distance(b) || a.localeCompare(b));
  return paths.length === 0 ? [] : [...(await engine.call('moduleClasses', { paths }))];
}

/** The checkpoints of the workspace; those beside the source come first. */
export async function findCheckpoints(source: vscode.Uri): Promise<vscode.Uri[]> {
  const uris = await vscode.workspace.findFiles(checkpoints, elsewhere, maxFiles);
  const folder = dirname(source.fsPath);
  const distance = ({ fsPath }: vscode.Uri) => (dirname(fsPath) === folder ? 0 : 1);
  return uris.sort((a, b) => distance(a) - distance(b) || a.fsPath.localeCompare(b.fsPath));
}

/** Where a class is, for people: `model.py:12`, `train.ipynb, cell 3, line 2`. */
export function placeText({ path, line, cell }: ModuleClassDto): string {
  if (cell === null) return `${vscode.workspace.asRelativePath(path)}:${line + 1}`;
  return vscode.l10n.t('{0}, cell {1}, line {2}', basename(path), cell + 1, line + 1);
}
