import assert from 'node:assert/strict';
import type { Value } from '../../src/engine/forward/values/values';
import { planSwaps } from '../../src/model/programSwaps';
import { fixturePath } from '../support/fixtures';
import { spec } from '../support/models';
import { readNpzFixture } from '../support/npz';
import { largestDifference, openScript, openScriptModel, run, tensorValue, tuple } from '../support/programs';

/** How the arrays of a case become the arguments of its forward. */
const argumentsOf: Readonly<Record<string, (inputs: Value[]) => Value[]>> = {
  recipe_lstm: ([x, h, c]) => [x, tuple(h, c)],
  mlp: (inputs) => inputs,
};

const cases = [
  ['1.13', 'recipe_lstm', 'script'],
  ['1.13', 'recipe_lstm', 'trace'],
  ['1.13', 'mlp', 'trace'],
  ['2.13', 'recipe_lstm', 'script'],
  ['2.13', 'recipe_lstm', 'trace'],
  ['2.13', 'mlp', 'trace'],
] as const;

describe('TorchScript archives run their own forward with PyTorch’s numbers', () => {
  for (const [version, name, kind] of cases) {
    const path = fixturePath(`torch-${version}`, `${name}.${kind}.pt`);
    const prepare = async () => {
      const arrays = await readNpzFixture(`torch-${version}`, name);
      const inputs: Value[] = [];
      for (let i = 0; arrays.has(`input.${i}`); i++) {
        const array = arrays.get(`input.${i}`);
        assert.ok(array !== undefined);
        inputs.push(tensorValue(array));
      }
      return { arrays, args: argumentsOf[name](inputs) };
    };

    it(`torch ${version}, ${name}.${kind}, float within 1e-5`, async () => {
      const { arrays, args } = await prepare();
      const { outputs } = run(await openScript(path), args);
      assert.ok(!arrays.has(`float.${outputs.length}`), 'every output is compared');
      assert.ok(largestDifference(outputs, arrays, 'float') <= 1e-5);
    });

    it(`torch ${version}, ${name}.${kind}, quantized inside within 1e-4, with every scale recorded`, async () => {
      const { arrays, args } = await prepare();
      const { model, program } = await openScriptModel(path);
      for (const engine of ['fbgemm', 'onednn', 'qnnpack'] as const) {
        if (!arrays.has(`${engine}.0`)) continue;
        const records: string[] = [];
        const tap = { activation: (record: { module: string }) => void records.push(record.module) };
        const { outputs, quantized } = run(program, args, { swaps: planSwaps(model, spec({ engine })), tap });
        assert.ok(largestDifference(outputs, arrays, engine) <= 1e-4, engine);
        assert.equal(quantized.length, name === 'mlp' ? 2 : 1);
        assert.deepEqual([...new Set(records)], name === 'mlp' ? ['0', '2'] : ['lstm']);
      }
    });
  }

  it('a run leaves the model as it was: a second one gives the same', async () => {
    const path = fixturePath('torch-2.13', 'mlp.trace.pt');
    const arrays = await readNpzFixture('torch-2.13', 'mlp');
    const input = arrays.get('input.0');
    assert.ok(input !== undefined);
    const program = await openScript(path);
    const [first, second] = [1, 2].map(() => run(program, [tensorValue(input)]).outputs[0].storage.data);
    assert.deepEqual(first, second);
  });
});
