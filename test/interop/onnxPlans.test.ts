import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { Budget } from '../../src/engine/forward/interpreter/budget';
import { dense } from '../../src/engine/forward/values/stridedTensor';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { Tensor } from '../../src/engine/tensor/tensor';
import { planInputs } from '../../src/model/export/onnx/planInputs';
import { readValues } from '../../src/model/loadModule';
import { findTensor, type Model } from '../../src/model/openModel';
import { loadPlanProgram } from '../../src/model/plan/planProgram';
import { proposePlan } from '../../src/model/plan/proposePlan';
import { randomInputs } from '../../src/model/randomInputs';
import type { ForwardPlanDto } from '../../src/protocol/planDto';
import { writeExport } from '../support/exports';
import { openFixtureModel, spec } from '../support/models';
import type { NpyArray } from '../support/npz';
import { lstm, product } from '../support/onnxReference';
import { farthest, type Ran, runGraphs } from '../support/onnxRuns';
import { planCases, planModel } from '../support/planModels';
import { run, tensorValue } from '../support/programs';
import { describeWithTorch, type Python } from '../support/pythons';

interface Case {
  readonly model: Model;
  readonly plan: ForwardPlanDto;
}

describeWithTorch(
  'state dicts as ONNX graphs by their forward plans, after onnx.checker, in ONNX Runtime',
  (python: Python) => {
    const cases = new Map<string, Case>();
    const inputs = new Map<string, readonly Tensor[]>();
    let ran: ReadonlyMap<string, Ran>;
    let folder: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quantscope-plans-'));
      for (const name of ['mlp', 'gru_tagger', 'word_lm']) {
        const model = await openFixtureModel('2.13', `${name}.pt`);
        cases.set(name, { model, plan: proposePlan(model.root).plan });
      }
      for (const [name, each] of Object.entries(planCases))
        cases.set(name, { model: await planModel(each, 'model.pt'), plan: each.plan });
      const jobs = new Map<string, unknown>();
      for (const [name, { model, plan }] of cases) {
        // Open sizes are others than those that the plan starts from; one batch stays one, as the reference's LSTM has it.
        const shapes = planInputs(plan).map(({ shape }, i) =>
          shape.map((size, d) => {
            const own = plan.inputs[i].shape[d];
            return typeof size === 'number' || (size === 'batch' && own === 1) ? own : own + 1;
          }),
        );
        const drawn = randomInputs(5, shapes, plan.inputs);
        inputs.set(name, drawn);
        const feeds = plan.inputs.map(({ name: own }, i) => [
          own,
          [drawn[i].shape, Array.from(drawn[i].data as ArrayLike<number | bigint>, Number)],
        ]);
        for (const [form, chosen] of [
          ['float', null],
          ['int8', spec()],
        ] as const) {
          const file = `${jobs.size}.onnx`;
          const written = await writeExport(folder, model, file, { format: 'onnx', plan, spec: chosen });
          jobs.set(`${name}, ${form}`, { ...written, inputs: Object.fromEntries(feeds) });
        }
      }
      ran = await runGraphs(python, folder, jobs);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    for (const name of ['mlp', 'gru_tagger', 'word_lm', ...Object.keys(planCases)]) {
      it(`${name}: in float what our engine gives, within 1e-5, and in int8 nearly that`, async () => {
        const { model, plan } = cases.get(name) as Case;
        const options = { kernels: selectKernels(), abort: neverAborted };
        const program = await loadPlanProgram(model, plan, options, neverAborted);
        const args = (inputs.get(name) ?? []).map((input) => tensorValue(input as NpyArray));
        const ours = run(program, args).outputs;
        const [float, int8] = [ran.get(`${name}, float`) as Ran, ran.get(`${name}, int8`) as Ran];
        assert.deepEqual(
          float.shapes,
          ours.map(({ shape }) => [...shape]),
        );
        for (const [i, output] of ours.entries()) {
          const values = dense(new Budget(), output);
          assert.ok(farthest(values, float.outputs[i]) < 1e-5, `output ${i}: ${farthest(values, float.outputs[i])}`);
          const largest = Array.from(values).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
          assert.ok(
            farthest(values, int8.outputs[i]) < 0.1 * largest,
            `int8 ${i}: ${farthest(values, int8.outputs[i])}`,
          );
        }
      });
    }

    const parameters = async (model: Model, path: string, part = '') => ({
      weight: await readValues(model, findTensor(model, `${path}.weight${part}`), neverAborted),
      bias: await readValues(model, findTensor(model, `${path}.bias${part}`), neverAborted),
    });

    it('int8 is what the operators’ definition gives, within 1e-5: products with a ReLU between', async () => {
      const { model } = cases.get('mlp') as Case;
      const [{ data }] = inputs.get('mlp') as readonly Tensor[];
      const hidden = product(await parameters(model, '0'), data as Float32Array, 32).map((value) => Math.max(value, 0));
      const expected = product(await parameters(model, '2'), hidden, 64);
      assert.ok(farthest(expected, (ran.get('mlp, int8') as Ran).outputs[0]) < 1e-5);
    });

    it('int8 is what the operators’ definition gives, within 1e-5: words through an LSTM of two layers', async () => {
      const { model } = cases.get('word_lm') as Case;
      const [{ data }] = inputs.get('word_lm') as readonly Tensor[];
      const table = await readValues(model, findTensor(model, 'encoder.weight'), neverAborted);
      let x: Float32Array = Float32Array.from(
        Array.from(data as BigInt64Array, Number).flatMap((word) => [...table.subarray(64 * word, 64 * (word + 1))]),
      );
      for (const layer of [0, 1]) {
        const [ih, hh] = [
          await parameters(model, 'rnn', `_ih_l${layer}`),
          await parameters(model, 'rnn', `_hh_l${layer}`),
        ];
        x = lstm(ih, hh, x, 64, new Float32Array(64), new Float32Array(64));
      }
      const expected = product(await parameters(model, 'decoder'), x, 64);
      assert.ok(farthest(expected, (ran.get('word_lm, int8') as Ran).outputs[0]) < 1e-5);
    });
  },
  ['current'],
);
