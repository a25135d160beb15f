import * as vscode from 'vscode';

/** The extension's output channel; its level is the user's to set. */
export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel('Quantscope', { log: true });
}
