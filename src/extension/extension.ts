import type * as vscode from 'vscode';
import { registerCommands } from './commands/registerCommands';
import { registerInspectorEditor } from './editor/inspectorEditor';
import { registerClassActions } from './forward/classActions';
import { registerInspectorView } from './inspector/inspectorView';
import { registerRunsTree } from './runs/runsTree';
import { createServices, type Services } from './services';
import { registerStatusItem } from './statusItem';
import { registerModulesTree } from './tree/modulesTree';

/** Wires the parts together. What it returns is for our own tests. */
export function activate(context: vscode.ExtensionContext): Services {
  const services = createServices(context);
  registerInspectorEditor(services);
  registerInspectorView(services);
  registerModulesTree(services);
  registerRunsTree(services);
  registerStatusItem(services);
  registerCommands(services);
  registerClassActions(services);
  return services;
}
