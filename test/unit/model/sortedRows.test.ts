import assert from 'node:assert/strict';
import { buildModuleTree } from '../../../src/model/moduleTree';
import { TreeRows } from '../../../src/model/treeRows';
import type { RowsSortDto } from '../../../src/protocol/rowsDto';
import { entries } from '../../support/tensorEntries';

const root = buildModuleTree(entries({ 'b.weight': [2, 2], 'a10.weight': [8, 8], 'a9.weight': [4, 4] }), 'net');

function order(sort: RowsSortDto | null, errors: [string, number][] = []): string[] {
  const context = { plan: null, sqnrDb: new Map(), moduleSqnrDb: new Map(errors), opaque: [] };
  const lines = new TreeRows(root, { filter: '', toggled: [], base: 'default', sort }, context);
  return lines
    .page(0, lines.total)
    .filter(({ level }) => level === 2)
    .map(({ label }) => label);
}

describe('sorted rows', () => {
  const cases: readonly [string, RowsSortDto | null, string[]][] = [
    ['the order of the file without a choice', null, ['b', 'a10', 'a9']],
    ['names with numbers count up', { by: 'name', descending: false }, ['a9', 'a10', 'b']],
    ['largest first', { by: 'size', descending: true }, ['a10', 'a9', 'b']],
  ];
  for (const [what, sort, expected] of cases) it(what, () => assert.deepEqual(order(sort), expected));

  it('rows without an error come last in both directions', () => {
    const errors: [string, number][] = [
      ['a9', 40],
      ['b', 48],
    ];
    assert.deepEqual(order({ by: 'sqnr', descending: false }, errors), ['a9', 'b', 'a10']);
    assert.deepEqual(order({ by: 'sqnr', descending: true }, errors), ['b', 'a9', 'a10']);
  });
});
