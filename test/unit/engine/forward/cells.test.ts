import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import { Budget } from '../../../../src/engine/forward/interpreter/budget';
import { dense } from '../../../../src/engine/forward/values/stridedTensor';
import { selectKernels } from '../../../../src/engine/kernels/dispatch';
import { createModule } from '../../../../src/engine/nn/createModule';
import { isQuantizable } from '../../../../src/engine/nn/dynamicTwin';
import { floatTensor } from '../../../../src/engine/tensor/tensor';
import { loadPlanProgram } from '../../../../src/model/plan/planProgram';
import { proposePlan } from '../../../../src/model/plan/proposePlan';
import { sourceSwaps } from '../../../../src/model/sourceModel';
import { spec } from '../../../support/models';
import { run, tensorValue } from '../../../support/programs';
import { seededRandom } from '../../../support/random';
import { modelOf } from '../../../support/tensorEntries';

const [inputSize, hiddenSize] = [5, 6];

describe('cells inside a program become int8 as quantize_dynamic makes them', () => {
  for (const [type, gates] of [
    ['LSTMCell', 4],
    ['GRUCell', 3],
    ['RNNCell', 1],
  ] as const) {
    it(`${type}: the numbers of its dynamic twin, and a record for each of its two products`, async () => {
      const random = seededRandom(gates);
      const values = (count: number) => Array.from({ length: count }, () => random() - 0.5);
      const tensor = (...shape: number[]) => ({ shape, values: values(shape.reduce((a, b) => a * b, 1)) });
      const rows = gates * hiddenSize;
      const parameters = {
        weight_ih: tensor(rows, inputSize),
        weight_hh: tensor(rows, hiddenSize),
        bias_ih: tensor(rows),
        bias_hh: tensor(rows),
      };
      const model = await modelOf(
        Object.fromEntries(Object.entries(parameters).map(([name, given]) => [`cell.${name}`, given])),
      );
      const x = Float32Array.from(values(3 * inputSize));
      const { plan } = proposePlan(model.root);
      const context = { kernels: selectKernels(), abort: neverAborted };
      const program = await loadPlanProgram(model, plan, context, neverAborted);
      const weights: string[] = [];
      const tap = { activation: (record: { weight: string }) => void weights.push(record.weight) };
      const given = [tensorValue({ shape: [3, inputSize], data: x })];
      const [output] = run(program, given, { swaps: sourceSwaps(program, spec()), tap }).outputs;

      const module = createModule(
        type,
        new Map([
          ['input_size', inputSize],
          ['hidden_size', hiddenSize],
        ]),
        new Map(
          Object.entries(parameters).map(([name, one]) => [
            name,
            floatTensor(Float32Array.from(one.values), one.shape),
          ]),
        ),
        new Map(),
      );
      assert.ok(isQuantizable(module));
      const [expected] = module
        .toDynamic('cell', 'fbgemm', 'per_tensor')
        .forward([floatTensor(x, [3, inputSize])], context);
      assert.deepEqual([...dense(new Budget(), output)], [...expected.data]);
      assert.deepEqual(weights, ['weight_ih', 'weight_hh']);
    });
  }
});
