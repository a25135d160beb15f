import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import type { ModuleClassDto } from '../../protocol/forwardDto';
import type { EngineClient } from '../../worker/enginePool';

const sources = /\.(py|ipynb)$/i;
const checkpoints = /\.(pt|pth|ckpt|safetensors|bin)$/i;
/** Where other people's code and old copies lie. */
const elsewhere = /^(\..*|node_modules|site-packages|dist-packages|venv|env|__pycache__|build|dist)$/;
const maxFiles = 500;
const maxFolders = 1_000;
const maxDepth = 8;

/**
 * Files of the workspace, nearest the top first. Folders are read one by one: VS Code's own search
 * needs a program that not every server has, and gives no answer without it.
 */
async function findFiles(pattern: RegExp): Promise<vscode.Uri[]> {
  const roots = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri);
  if (roots.length === 0) return [];
  const title = vscode.l10n.t('Looking through the workspace');
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => walk(roots, pattern));
}

async function walk(roots: readonly vscode.Uri[], pattern: RegExp): Promise<vscode.Uri[]> {
  const found: vscode.Uri[] = [];
  const folders = roots.map((uri) => ({ uri, depth: 0 }));
  for (let i = 0; i < Math.min(folders.length, maxFolders) && found.length < maxFiles; i++) {
    const { uri, depth } = folders[i];
    for (const [name, type] of await entries(uri)) {
      const inside = vscode.Uri.joinPath(uri, name);
      if (type === vscode.FileType.Directory && depth < maxDepth && !elsewhere.test(name))
        folders.push({ uri: inside, depth: depth + 1 });
      else if (type === vscode.FileType.File && pattern.test(name)) found.push(inside);
    }
  }
  return found.slice(0, maxFiles);
}

async function entries(folder: vscode.Uri): Promise<readonly [string, vscode.FileType][]> {
  try {
    return await vscode.workspace.fs.readDirectory(folder);
  } catch {
    // A folder that may not be read hides its files, and no others.
    return [];
  }
}

/** The nn.Module classes of the workspace; those beside the model come first. */
export async function findClasses(engine: EngineClient, model: vscode.Uri): Promise<ModuleClassDto[]> {
  const uris = await findFiles(sources);
  const paths = uris.filter(({ scheme }) => scheme === 'file').map(({ fsPath }) => fsPath);
  const folder = dirname(model.fsPath);
  const distance = (path: string) => (dirname(path) === folder ? 0 : 1);
  paths.sort((a, b) => distance(a) - distance(b) || a.localeCompare(b));
  return paths.length === 0 ? [] : [...(await engine.call('moduleClasses', { paths }))];
}

/** The checkpoints of the workspace; those beside the source come first. */
export async function findCheckpoints(source: vscode.Uri): Promise<vscode.Uri[]> {
  const uris = await findFiles(checkpoints);
  const folder = dirname(source.fsPath);
  const distance = ({ fsPath }: vscode.Uri) => (dirname(fsPath) === folder ? 0 : 1);
  return uris.sort((a, b) => distance(a) - distance(b) || a.fsPath.localeCompare(b.fsPath));
}

/** Where a class is, for people: `model.py:12`, `train.ipynb, cell 3, line 2`. */
export function placeText({ path, line, cell }: ModuleClassDto): string {
  if (cell === null) return `${vscode.workspace.asRelativePath(path)}:${line + 1}`;
  return vscode.l10n.t('{0}, cell {1}, line {2}', basename(path), cell + 1, line + 1);
}
