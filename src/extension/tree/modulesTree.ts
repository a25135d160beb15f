import * as vscode from 'vscode';
import { formatBytes } from '../../core/text';
import type { ArraysDto } from '../../protocol/exportDto';
import type { RowDto } from '../../protocol/rowsDto';
import { saveShownTensor } from '../commands/saveTensor';
import { commandIds, viewIds } from '../contributions';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import type { Services } from '../services';

/** One level of a native tree is not virtual; below a folder of more rows the inspector is the place to look. */
const maxChildren = 1000;

/** Levels that a reveal walks down. */
const maxDepth = 100;

/** A row, with the way up that `reveal` needs. */
interface Node {
  readonly row: RowDto;
  readonly parent: Node | undefined;
}

/** The active model's modules and tensors in VS Code's own tree. */
class ModulesTree implements vscode.TreeDataProvider<Node> {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly nodes = new Map<string, Node>();
  private shown: readonly unknown[] = [];
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly services: Services) {}

  get document(): InspectorDocument | undefined {
    const document = this.services.documents.active;
    return document?.snapshot.phase === 'ready' ? document : undefined;
  }

  /** Redraws when the model or what is quantized changed, not with every selection. */
  refresh(): void {
    const document = this.document;
    // A choice is a new object and never changed: comparing the texts of 100,000 ticks would be work at every step.
    const shown = document === undefined ? [] : [document, document.snapshot.quantizedSpec, document.snapshot.spec];
    if (shown.length === this.shown.length && shown.every((part, i) => part === this.shown[i])) return;
    this.shown = shown;
    this.nodes.clear();
    this.changed.fire();
  }

  node(id: string): Node | undefined {
    return this.nodes.get(id);
  }

  /** The row with this id, asking level by level for what was not shown yet. */
  async locate(id: string): Promise<Node | undefined> {
    const name = id.slice(2);
    let level = await this.getChildren();
    for (let depth = 0; depth < maxDepth; depth++) {
      const exact = level.find(({ row }) => row.id === id);
      if (exact !== undefined) return exact;
      const on = level.find(
        ({ row }) => row.kind === 'module' && (row.fullName === '' || name.startsWith(`${row.fullName}.`)),
      );
      if (on === undefined) return undefined;
      level = await this.getChildren(on);
    }
    return undefined;
  }

  getParent(node: Node): Node | undefined {
    return node.parent;
  }

  async getChildren(parent?: Node): Promise<Node[]> {
    const document = this.document;
    if (document === undefined) return [];
    const path = parent === undefined ? null : parent.row.id.slice(2);
    const spec = document.snapshot.quantizedSpec ?? document.snapshot.spec;
    try {
      const page = await document.engine.call('children', { path, spec, limit: maxChildren });
      return page.rows.map((row) => {
        const node = { row, parent };
        this.nodes.set(row.id, node);
        return node;
      });
    } catch (error) {
      this.services.log.warn(`modules tree: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }

  getTreeItem({ row, parent }: Node): vscode.TreeItem {
    const quantized = this.document?.snapshot.quantized !== null;
    const isModule = row.kind === 'module';
    const state = !isModule
      ? vscode.TreeItemCollapsibleState.None
      : parent === undefined || row.level <= 2
        ? vscode.TreeItemCollapsibleState.Expanded
        : vscode.TreeItemCollapsibleState.Collapsed;
    const item = new vscode.TreeItem(row.label, state);
    const after = quantized ? row.after : null;
    const size =
      after === null
        ? formatBytes(row.bytes)
        : isModule
          ? `${formatBytes(row.bytes)} → ${formatBytes(after.bytes)}`
          : formatBytes(after.bytes);
    item.id = row.id;
    item.description = isModule
      ? [row.moduleType, size].filter(Boolean).join(' · ')
      : `${after?.dtype ?? row.dtype} · ${size}`;
    item.tooltip = [row.fullName, row.repr, row.shape === null ? '' : `${row.shape.join(' × ')} ${row.dtype}`, row.note]
      .filter(Boolean)
      .join('\n');
    item.iconPath = new vscode.ThemeIcon(
      isModule ? 'symbol-module' : row.kind === 'tensor' ? 'symbol-array' : 'warning',
    );
    item.contextValue = row.kind;
    if (row.ticked !== null && isModule) {
      item.checkboxState = {
        state: row.ticked === 'false' ? vscode.TreeItemCheckboxState.Unchecked : vscode.TreeItemCheckboxState.Checked,
        tooltip: row.note || vscode.l10n.t('Quantize this module'),
      };
    }
    return item;
  }
}

/** Which values of a tensor there are: its own, those of int8 after Quantize, or those that it is stored as. */
function kindsOf({ dtype, after }: RowDto, document: InspectorDocument | undefined): ArraysDto['values'][] {
  if (/^qu?int/.test(dtype)) return ['codes', 'dequantized'];
  const isQuantized = document?.snapshot.quantized != null && after?.dtype === 'qint8';
  return isQuantized ? ['own', 'codes', 'dequantized'] : ['own'];
}

export function registerModulesTree(services: Services): void {
  const { context, documents } = services;
  const provider = new ModulesTree(services);
  const view = vscode.window.createTreeView(viewIds.modules, {
    treeDataProvider: provider,
    showCollapseAll: true,
    manageCheckboxStateManually: true,
  });
  view.onDidChangeSelection(({ selection }) => {
    if (selection[0] !== undefined) documents.active?.select(selection[0].row.id);
  });
  view.onDidChangeCheckboxState(({ items }) => {
    for (const [{ row }, state] of items)
      void documents.active?.tick(row.id.slice(2), state === vscode.TreeItemCheckboxState.Checked);
  });
  const reveal = async (id: string) => {
    const node = provider.node(id) ?? (await provider.locate(id));
    const wanted = documents.active?.snapshot.selection === id && view.visible;
    if (node === undefined || !wanted || view.selection[0]?.row.id === id) return;
    // A tree that is being filled refuses; the next change asks again.
    await view.reveal(node, { select: true, focus: false }).then(undefined, () => {});
  };
  const follow = () => {
    const snapshot = documents.active?.snapshot;
    view.description = snapshot?.file;
    provider.refresh();
    if (snapshot?.selection != null && view.visible) void reveal(snapshot.selection);
  };
  // From the palette there is no node, and the selected tensor is meant.
  const save = async (node?: Node) => {
    const selected = documents.active?.snapshot.selection ?? '';
    const row = node?.row ?? (await provider.locate(selected))?.row;
    if (row?.kind !== 'tensor') {
      void vscode.window.showInformationMessage(vscode.l10n.t('Select a tensor first.'));
      return;
    }
    await saveShownTensor(documents.active, services, row.fullName, kindsOf(row, documents.active));
  };
  context.subscriptions.push(vscode.commands.registerCommand(commandIds.saveTensor, save));
  context.subscriptions.push(view, documents.onDidChange(follow), view.onDidChangeVisibility(follow));
}
