import assert from 'node:assert/strict';
import { Budget } from '../../src/engine/forward/interpreter/budget';
import { dense, StridedTensor, wrapElements } from '../../src/engine/forward/values/stridedTensor';
import { PyTuple } from '../../src/engine/forward/values/values';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { everyKernels } from '../support/kernels';
import { run } from '../support/programs';
import { moduleWith, programOf, runSource } from '../support/sources';

/** Programs that write over a weight or a bias after the kernels packed it. */
const writes = [
  'self.fc.weight.data.mul_(2)',
  'self.fc.bias.data.add_(1)',
  'self.fc.weight.data[0] = 7',
  'self.fc.weight.data.view(-1)[3:5] = 1',
  'self.fc.weight.data.t().copy_(torch.ones(3, 4))',
  'self.fc.weight.data.fill_(0.5)',
];

describe('weights that the kernels keep are packed anew once a program writes over them', () => {
  for (const write of writes) {
    it(write, () => {
      const source = moduleWith(`a = self.fc(x)\n${write}\nb = self.fc(x)\n${write}\nreturn a, b, self.fc(x)`, {
        init: 'self.fc = nn.Linear(3, 4)\nself.fc.weight.data.copy_(torch.arange(12.0).view(4, 3) + 1)',
      });
      const [first, second, third] = outputs(source, referenceKernels);
      assert.notDeepEqual(second, first);
      for (const [name, kernels] of everyKernels())
        assert.deepEqual(outputs(source, kernels), [first, second, third], name);
    });
  }

  it('in the next run too, where a run made them of its input', () => {
    const body = 'self.fc.weight.copy_(x.view(1, 2))\nreturn self.fc(x)';
    for (const [name, kernels] of everyKernels()) {
      const program = programOf(moduleWith(body, { init: 'self.fc = nn.Linear(2, 1, bias=False)' }));
      for (const [a, b] of [
        [1, 2],
        [3, 4],
      ]) {
        const { outputs } = run(program, [wrapElements('float32', Float32Array.of(a, b), [2])], { kernels });
        assert.deepEqual([...dense(new Budget(), outputs[0])], [a * a + b * b], name);
      }
    }
  });
});

function outputs(source: string, kernels: typeof referenceKernels): number[][] {
  const { result } = runSource(source, kernels);
  assert.ok(result instanceof PyTuple);
  return result.items.map((one) => {
    assert.ok(one instanceof StridedTensor);
    return [...dense(new Budget(), one)];
  });
}
