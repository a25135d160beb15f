import * as vscode from 'vscode';
import { EnginePool } from '../worker/enginePool';
import { DocumentRegistry } from './inspector/documentRegistry';
import { ViewMemory } from './inspector/viewMemory';
import { createLog } from './log';
import { RunHistory } from './runs/runHistory';

/** What the parts of the extension share; made once, handed to each of them. */
export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly pool: EnginePool;
  readonly documents: DocumentRegistry;
  readonly history: RunHistory;
  readonly memory: ViewMemory;
}

export function createServices(context: vscode.ExtensionContext): Services {
  const log = createLog();
  const pool = new EnginePool({
    workerPath: vscode.Uri.joinPath(context.extensionUri, 'dist', 'engineWorker.js').fsPath,
  });
  const documents = new DocumentRegistry();
  const history = new RunHistory(context.workspaceState);
  const memory = new ViewMemory(context.workspaceState);
  // First, so that files which the window closes as it goes are not forgotten.
  context.subscriptions.push(memory, log, documents, history, { dispose: () => pool.dispose() });
  return { context, log, pool, documents, history, memory };
}
