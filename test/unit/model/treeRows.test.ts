import assert from 'node:assert/strict';
import { buildModuleTree, type ModuleNode } from '../../../src/model/moduleTree';
import { planQuantization } from '../../../src/model/quantizePlan';
import { type RowsContext, TreeRows } from '../../../src/model/treeRows';
import type { RowDto, RowsQueryDto } from '../../../src/protocol/rowsDto';
import { spec } from '../../support/models';
import { entries, type Shapes } from '../../support/tensorEntries';

const plain: RowsContext = { plan: null, sqnrDb: new Map(), moduleSqnrDb: new Map(), opaque: [] };

function rows(
  root: ModuleNode,
  query: Partial<Pick<RowsQueryDto, 'filter' | 'toggled' | 'base'>> = {},
  context = plain,
): RowDto[] {
  const lines = new TreeRows(root, { filter: '', toggled: [], base: 'default', ...query }, context);
  return lines.page(0, lines.total);
}

const shapes: Shapes = {
  scale: [3],
  'enc.emb.weight': [10, 4],
  'enc.fc.weight': [2, 4],
  'enc.fc.bias': [2],
  'dec.fc.weight': [4, 2],
  'dec.fc.bias': [4],
};
const root = buildModuleTree(entries(shapes), 'net');
const ids = (list: readonly RowDto[]) => list.map(({ id }) => id);

const everything = [
  'm:',
  't:scale',
  'm:enc',
  'm:enc.emb',
  't:enc.emb.weight',
  'm:enc.fc',
  't:enc.fc.weight',
  't:enc.fc.bias',
  'm:dec',
  'm:dec.fc',
  't:dec.fc.weight',
  't:dec.fc.bias',
];

describe('rows of the tree', () => {
  describe('expansion', () => {
    const table: readonly [what: string, query: Partial<RowsQueryDto>, expected: readonly string[]][] = [
      ['a small model opens fully', {}, everything],
      ['all', { base: 'all' }, everything],
      ['none', { base: 'none' }, ['m:']],
      ['none but the root', { base: 'none', toggled: ['m:'] }, ['m:', 't:scale', 'm:enc', 'm:dec']],
      ['all but one', { base: 'all', toggled: ['m:enc'] }, ['m:', 't:scale', 'm:enc', ...everything.slice(8)]],
      ['a toggle inside a closed module waits', { base: 'none', toggled: ['m:enc'] }, ['m:']],
      ['a toggle of nothing is ignored', { base: 'none', toggled: ['m:nothing'] }, ['m:']],
    ];
    for (const [what, query, expected] of table) {
      it(what, () => {
        assert.deepEqual(ids(rows(root, query)), expected);
      });
    }

    it('a model of more than 200 tensors opens down to the children of the root', () => {
      const many = Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`a.b${i}.weight`, [1]]));
      assert.deepEqual(ids(rows(buildModuleTree(entries(many), 'big'))), ['m:', 'm:a']);
    });

    it('an optimizer stays closed', () => {
      const withOptimizer = buildModuleTree(entries({ 'model.x': [1], 'optimizer.x': [1] }), 'c');
      assert.deepEqual(ids(rows(withOptimizer)), ['m:', 'm:model', 't:model.x', 'm:optimizer']);
    });
  });

  describe('filter', () => {
    const table: readonly [filter: string, expected: readonly string[]][] = [
      ['bias', ['m:', 'm:enc', 'm:enc.fc', 't:enc.fc.bias', 'm:dec', 'm:dec.fc', 't:dec.fc.bias']],
      ['  EMB ', ['m:', 'm:enc', 'm:enc.emb', 't:enc.emb.weight']],
      ['dec.fc.w', ['m:', 'm:dec', 'm:dec.fc', 't:dec.fc.weight']],
      ['embedding', ['m:', 'm:enc', 'm:enc.emb', 't:enc.emb.weight']],
      ['scale', ['m:', 't:scale']],
      ['nowhere', ['m:']],
    ];
    for (const [filter, expected] of table) {
      it(`${JSON.stringify(filter)} keeps matches and their ancestors`, () => {
        assert.deepEqual(ids(rows(root, { filter })), expected);
      });
    }

    it('shows matches inside closed modules', () => {
      assert.deepEqual(ids(rows(root, { filter: 'emb', base: 'none' })), [
        'm:',
        'm:enc',
        'm:enc.emb',
        't:enc.emb.weight',
      ]);
    });

    it('counts positions among the rows that are shown', () => {
      const [, , fc] = rows(root, { filter: 'enc.fc.bias' });
      assert.deepEqual([fc.id, fc.setSize, fc.posInSet], ['m:enc.fc', 1, 1]);
    });
  });

  it('levels, set sizes and positions are those of aria', () => {
    assert.deepEqual(
      rows(root)
        .slice(0, 8)
        .map(({ level, setSize, posInSet }) => [level, setSize, posInSet]),
      [
        [1, 1, 1],
        [2, 3, 1],
        [2, 3, 2],
        [3, 2, 1],
        [4, 1, 1],
        [3, 2, 2],
        [4, 2, 1],
        [4, 2, 2],
      ],
    );
  });

  it('a tensor row: label, full name, shape, bytes; a module row: type, repr, sums', () => {
    const all = rows(root);
    const tensor = all.find(({ id }) => id === 't:enc.fc.weight');
    assert.deepEqual(
      [tensor?.label, tensor?.fullName, tensor?.shape, tensor?.dtype, tensor?.bytes, tensor?.expanded],
      ['weight', 'enc.fc.weight', [2, 4], 'float32', 32, null],
    );
    const module = all.find(({ id }) => id === 'm:enc.fc');
    assert.deepEqual(
      [module?.label, module?.moduleType, module?.repr, module?.bytes, module?.expanded, module?.ticked],
      ['fc', 'Linear', 'Linear(in_features=4, out_features=2, bias=True)', 40, true, null],
    );
  });

  describe('with a spec', () => {
    const context = (changes: Parameters<typeof spec>[0] = {}): RowsContext => ({
      ...plain,
      plan: planQuantization(root, spec(changes)),
      sqnrDb: new Map([['enc.fc.weight', 42]]),
      moduleSqnrDb: new Map([['enc.fc', 41]]),
    });
    const row = (id: string, changes: Parameters<typeof spec>[0] = {}) => {
      const found = rows(root, {}, context(changes)).find((one) => one.id === id);
      return found ?? assert.fail(`no row ${id}`);
    };

    it('boxes: ticked, unticked and mixed', () => {
      const ticks = (changes: Parameters<typeof spec>[0]) =>
        Object.fromEntries(
          rows(root, {}, context(changes))
            .filter(({ kind }) => kind === 'module')
            .map(({ id, ticked }) => [id, ticked]),
        );
      assert.deepEqual(ticks({}), {
        'm:': 'true',
        'm:enc': 'true',
        'm:enc.emb': 'false',
        'm:enc.fc': 'true',
        'm:dec': 'true',
        'm:dec.fc': 'true',
      });
      assert.deepEqual(ticks({ exclude: ['dec.fc'] }), {
        'm:': 'mixed',
        'm:enc': 'true',
        'm:enc.emb': 'false',
        'm:enc.fc': 'true',
        'm:dec': 'false',
        'm:dec.fc': 'false',
      });
    });

    it('a replaced module shows its bytes after, and the error of its weights', () => {
      assert.deepEqual(row('m:enc.fc').after, { dtype: 'qint8', bytes: 8 + 8, sqnrDb: 41 });
      assert.deepEqual(row('t:enc.fc.weight').after, { dtype: 'qint8', bytes: 8, sqnrDb: 42 });
      assert.deepEqual(row('t:dec.fc.weight').after, { dtype: 'qint8', bytes: 8, sqnrDb: null });
      assert.equal(row('t:enc.fc.bias').after, null);
      assert.equal(row('m:enc').after?.dtype, 'mixed');
    });

    it('what stays float says why', () => {
      assert.deepEqual([row('m:enc.emb').after, row('m:enc.emb').note], [null, 'not in the spec']);
      assert.equal(row('m:dec.fc', { exclude: ['dec.fc'] }).note, 'excluded');
    });
  });

  it('what was not built comes last, until something is filtered', () => {
    const context = { ...plain, opaque: [{ path: 'hook.fn', name: 'os.system' }] };
    const last = rows(root, {}, context).at(-1);
    assert.deepEqual([last?.id, last?.kind, last?.label, last?.repr], ['o:hook.fn', 'opaque', 'fn', 'os.system']);
    assert.deepEqual([last?.setSize, last?.posInSet], [4, 4]);
    assert.ok(rows(root, { filter: 'enc' }, context).every(({ kind }) => kind !== 'opaque'));
  });

  describe('100,000 tensors', () => {
    const many = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, i) => [`block${i % 500}.layer${i}.weight`, [1]]),
    );
    const big = buildModuleTree(entries(many), 'big');

    it('page through without gaps', () => {
      const lines = new TreeRows(big, { filter: '', toggled: [], base: 'all' }, plain);
      assert.equal(lines.total, 1 + 500 + 200_000);
      const [last] = lines.page(lines.total - 1, 100);
      assert.equal(last.id, 't:block499.layer99999.weight');
      assert.deepEqual([...ids(lines.page(1000, 50)), ...ids(lines.page(1050, 50))], ids(lines.page(1000, 100)));
      assert.deepEqual(lines.page(lines.total, 10), []);
    });

    it('filter down to one', () => {
      const found = rows(big, { filter: 'layer99999' });
      assert.deepEqual(ids(found), ['m:', 'm:block499', 'm:block499.layer99999', 't:block499.layer99999.weight']);
    });

    it('open with as many rows as the root has children', () => {
      assert.equal(rows(big).length, 501);
    });
  });

  it('100,000 tensors in one module', () => {
    const flat = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`w${i}`, [1]]));
    const lines = new TreeRows(
      buildModuleTree(entries(flat), 'flat'),
      { filter: '', toggled: [], base: 'default' },
      plain,
    );
    assert.equal(lines.total, 100_001);
    assert.equal(lines.page(100_000, 1)[0].posInSet, 100_000);
  });
});
