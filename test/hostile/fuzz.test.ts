import assert from 'node:assert/strict';
import { formats } from '../../src/formats/registry';
import { fuzzCase } from '../support/fuzzCase';
import { fuzzTargets } from '../support/fuzzTargets';

/** `npm run fuzz -- --count N` looks further than this suite does. */
const seed = 29_592;
const casesPerFormat = 5_000;

describe('mutated files end in an answer or a refusal, and nothing else', () => {
  const ids = [...new Set(formats.map(({ id }) => id))];
  for (const id of ids) {
    const targets = fuzzTargets.filter((target) => target.formats.includes(id));
    const cases = Math.ceil(casesPerFormat / targets.length);

    it(`${id} has mutants`, () => assert.ok(targets.length > 0));

    for (const target of targets) {
      it(`${id}: ${cases} mutants of ${target.name}`, async function () {
        this.timeout(120_000);
        const mutant = await target.mutants();
        const outcomes = new Set<string>();
        for (let i = 0; i < cases; i++) {
          try {
            for (const code of await fuzzCase(target, mutant, seed + i)) outcomes.add(code);
          } catch (error) {
            const what = error instanceof Error ? error.stack : error;
            assert.fail(`npm run fuzz -- --only "${target.name}" --seed ${seed + i} --count 1\n${what}`);
          }
        }
        assert.ok(outcomes.size >= 3, `the mutants should reach many checks, not only ${[...outcomes].join()}`);
      });
    }
  }
});
