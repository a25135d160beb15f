import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allOperators } from '../../../../../src/engine/forward/operators/table';
import { operatorsPage } from '../../../../support/operatorsPage';

const root = (folder: string): string => (existsSync(join(folder, 'biome.json')) ? folder : root(dirname(folder)));

describe('docs/operators.md', () => {
  it('is what the table of operators says: run node scripts/operators.mjs', () => {
    assert.equal(readFileSync(join(root(__dirname), 'docs/operators.md'), 'utf8'), operatorsPage());
  });

  it('the table has the operators of the study, and more', () => {
    assert.ok(allOperators().length > 400, `${allOperators().length} names`);
  });
});
