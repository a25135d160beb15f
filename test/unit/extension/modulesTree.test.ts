import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import type { InspectorDocument } from '../../../src/extension/inspector/inspectorDocument';
import type { Services } from '../../../src/extension/services';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { installFakeVscode } from '../../support/fakeVscode';
import { root } from '../../support/root';

const spec: QuantizeSpecDto = { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [] };

describe('the native tree of modules', () => {
  let snapshot: Partial<InspectorDocument['snapshot']>;
  let redrawn: number;
  let change: () => void;

  before(() => {
    installFakeVscode({ root });
    const fake = require('vscode') as { window: { createTreeView?: unknown } };
    fake.window.createTreeView = (_: string, { treeDataProvider }: vscode.TreeViewOptions<unknown>) => {
      treeDataProvider.onDidChangeTreeData?.(() => redrawn++);
      return { onDidChangeSelection() {}, onDidChangeCheckboxState() {}, onDidChangeVisibility() {} };
    };
    const { registerModulesTree } =
      require('../../../src/extension/tree/modulesTree') as typeof import('../../../src/extension/tree/modulesTree');
    const active = {
      uri: 'file:///model.pt',
      get snapshot() {
        return snapshot;
      },
    };
    registerModulesTree({
      context: { subscriptions: [] },
      documents: { active, onDidChange: (follow: () => void) => (change = follow) },
    } as unknown as Services);
  });

  beforeEach(() => {
    snapshot = { phase: 'ready', spec, quantizedSpec: null, selection: null };
    change();
    redrawn = 0;
  });

  const rows: readonly (readonly [string, Partial<InspectorDocument['snapshot']>, number])[] = [
    ['a tick', { spec: { ...spec, exclude: ['decoder'] } }, 1],
    [
      'a tick that is a choice for one module',
      { spec: { ...spec, overrides: [{ target: 'rnn', qconfig: 'default_dynamic' }] } },
      1,
    ],
    ['Quantize', { quantizedSpec: spec }, 1],
    ['a file that is being read', { phase: 'loading' }, 1],
    ['another selection', { selection: 't:rnn.weight' }, 0],
    ['progress', { busy: { what: 'Quantizing', done: 1, total: 2, unit: 'steps', secondsLeft: null } }, 0],
  ];
  for (const [name, changed, times] of rows) {
    it(`${times === 0 ? 'stays as it is with' : 'is drawn again after'} ${name}`, () => {
      snapshot = { ...snapshot, ...changed };
      change();
      assert.equal(redrawn, times);
    });
  }
});
