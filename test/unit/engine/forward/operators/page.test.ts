import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allOperators } from '../../../../../src/engine/forward/operators/table';
import { operatorsPage } from '../../../../support/operatorsPage';
import { planSchema } from '../../../../support/planSchema';

const root = (folder: string): string => (existsSync(join(folder, 'biome.json')) ? folder : root(dirname(folder)));

const file = (path: string) => readFileSync(join(root(__dirname), path), 'utf8');

describe('docs/operators.md', () => {
  it('is what the table of operators says: run node scripts/operators.mjs', () => {
    assert.equal(file('docs/operators.md'), operatorsPage());
  });

  it('and the schema of forward plans is what readPlan takes', () => {
    assert.equal(file('media/forwardPlan.schema.json'), planSchema());
  });

  it('the table has the operators of the study, and more', () => {
    assert.ok(allOperators().length > 400, `${allOperators().length} names`);
  });
});
