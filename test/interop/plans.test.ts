import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { contiguousStrides } from '../../src/core/shape';
import { Budget } from '../../src/engine/forward/interpreter/budget';
import { dense, Storage, StridedTensor } from '../../src/engine/forward/values/stridedTensor';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { loadPlanProgram } from '../../src/model/plan/planProgram';
import { planPython } from '../../src/model/plan/planPython';
import { proposePlan } from '../../src/model/plan/proposePlan';
import { randomInputs } from '../../src/model/randomInputs';
import { fixturePath } from '../support/fixtures';
import { openFixtureModel } from '../support/models';
import { run } from '../support/programs';
import { askPython, describeWithTorch } from '../support/pythons';

describeWithTorch('the class that a forward plan stands for gives the same in PyTorch, loaded strictly', (python) => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plans-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const name of ['mlp', 'gru_tagger', 'word_lm']) {
    it(`${name}: within 1e-5`, async () => {
      const model = await openFixtureModel('1.13', `${name}.pt`);
      const { plan } = proposePlan(model.root);
      const [input] = randomInputs(5, [plan.inputs[0].shape], plan.inputs);
      const values = Array.from(input.data as ArrayLike<number | bigint>, Number);
      const [source, given] = [join(folder, `${name}.py`), join(folder, `${name}.json`)];
      await writeFile(source, planPython(plan));
      await writeFile(given, JSON.stringify({ shape: input.shape, dtype: input.dtype, values }));
      const theirs = await askPython<{ shape: number[]; values: number[] }>(
        python,
        'run_plan.py',
        fixturePath('torch-1.13', `${name}.pt`),
        source,
        given,
      );
      const type = input.dtype === 'int64' ? 'int64' : 'float32';
      const data = type === 'int64' ? Float64Array.from(values) : Float32Array.from(values);
      const tensor = new StridedTensor(new Storage(type, data), input.shape, contiguousStrides(input.shape), 0);
      const options = { kernels: selectKernels(), abort: neverAborted };
      const [ours] = run(await loadPlanProgram(model, plan, options, neverAborted), [tensor]).outputs;
      assert.deepEqual([...ours.shape], theirs.shape);
      const worst = Math.max(
        ...Array.from(dense(new Budget(), ours), (value, at) => Math.abs(value - theirs.values[at])),
      );
      assert.ok(worst <= 1e-5, `differs by ${worst}`);
    });
  }
});
