import assert from 'node:assert/strict';
import { Budget } from '../../src/engine/forward/interpreter/budget';
import { dense, StridedTensor } from '../../src/engine/forward/values/stridedTensor';
import { PyTuple } from '../../src/engine/forward/values/values';
import { referenceKernels } from '../../src/engine/kernels/reference/referenceKernels';
import { everyKernels } from '../support/kernels';
import { moduleWith, runSource } from '../support/sources';

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
});

function outputs(source: string, kernels: typeof referenceKernels): number[][] {
  const { result } = runSource(source, kernels);
  assert.ok(result instanceof PyTuple);
  return result.items.map((one) => {
    assert.ok(one instanceof StridedTensor);
    return [...dense(new Budget(), one)];
  });
}
