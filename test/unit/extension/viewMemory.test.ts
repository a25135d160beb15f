import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import { emptySnapshot } from '../../../src/extension/inspector/emptySnapshot';
import { ViewMemory } from '../../../src/extension/inspector/viewMemory';

function storage(): vscode.Memento {
  const values = new Map<string, unknown>();
  return {
    keys: () => [...values.keys()],
    get: (key: string, otherwise?: unknown) => values.get(key) ?? otherwise,
    update: async (key: string, value: unknown) => void values.set(key, value),
  } as vscode.Memento;
}

describe('what is remembered of a view', () => {
  const uri = 'file:///model.pt';
  const state = { ...emptySnapshot, selection: 't:w', tab: 'error' as const };

  it('comes back in the next session', () => {
    const shared = storage();
    new ViewMemory(shared).remember(uri, state);
    const { selection, tab, quantized } = new ViewMemory(shared).recall(uri) ?? assert.fail('nothing is remembered');
    assert.deepEqual([selection, tab, quantized], ['t:w', 'error', false]);
  });

  it('does not come back in the same session, where the file was closed and opened again', () => {
    const memory = new ViewMemory(storage());
    memory.remember(uri, state);
    assert.equal(memory.recall(uri), undefined);
  });
});
