import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { QuantscopeError } from '../../src/core/errors';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { loadPlanProgram } from '../../src/model/plan/planProgram';
import { proposePlan } from '../../src/model/plan/proposePlan';
import { sourceSwaps } from '../../src/model/sourceModel';
import type { ForwardPlanDto } from '../../src/protocol/planDto';
import { openFixtureModel, spec } from '../support/models';
import { readNpzFixture } from '../support/npz';
import { largestDifference, run, tensorValue } from '../support/programs';
import { modelOf } from '../support/tensorEntries';

const options = { kernels: selectKernels(), abort: neverAborted };

/** What no shape tells and a person adds: the batch comes first, and a ReLU stands before the last layer. */
const edited = ({ steps, ...plan }: ForwardPlanDto): ForwardPlanDto => ({
  ...plan,
  steps: steps.flatMap((step) =>
    step.type === 'GRU'
      ? [{ ...step, arguments: { ...step.arguments, batch_first: true } }]
      : step.module === 'out'
        ? [
            { name: 'active', from: step.from, function: 'relu' },
            { ...step, from: ['active'] },
          ]
        : [step],
  ),
});

const cases: readonly (readonly [string, (plan: ForwardPlanDto) => ForwardPlanDto])[] = [
  ['mlp', (plan) => plan],
  ['gru_tagger', edited],
];

describe('a proposed plan gives the model’s own numbers', () => {
  for (const [name, edit] of cases) {
    it(`${name}: float within 1e-5, int8 of each engine within 1e-4`, async () => {
      const model = await openFixtureModel('2.13', `${name}.pt`);
      const plan = edit(proposePlan(model.root).plan);
      const program = await loadPlanProgram(model, plan, options, neverAborted);
      const arrays = await readNpzFixture('torch-2.13', name);
      const input = arrays.get('input.0');
      assert.ok(input !== undefined);
      const args = [tensorValue(input)];
      assert.ok(largestDifference(run(program, args).outputs, arrays, 'float') <= 1e-5);
      for (const engine of ['fbgemm', 'onednn', 'qnnpack'] as const) {
        const swaps = sourceSwaps(program, spec({ engine }));
        assert.ok(swaps.size > 0);
        assert.ok(largestDifference(run(program, args, { swaps, engine }).outputs, arrays, engine) <= 1e-4, engine);
      }
    });
  }

  it('a plan whose sizes are not the file’s is refused in PyTorch’s words', async () => {
    const model = await modelOf({ 'fc.weight': { shape: [2, 3], values: new Array(6).fill(1) } });
    const { plan } = proposePlan(model.root);
    const [step] = plan.steps;
    const wrong = { ...plan, steps: [{ ...step, arguments: { ...step.arguments, in_features: 4 } }] };
    await assert.rejects(
      loadPlanProgram(model, wrong, options, neverAborted),
      (error) => error instanceof QuantscopeError && /size mismatch for fc\.weight/.test(error.message),
    );
  });
});
