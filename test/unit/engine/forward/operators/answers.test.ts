import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Budget } from '../../../../../src/engine/forward/interpreter/budget';
import { dense, StridedTensor } from '../../../../../src/engine/forward/values/stridedTensor';
import { fixturePath } from '../../../../support/fixtures';
import { moduleWith, runSource } from '../../../../support/sources';

type Row = readonly [line: string, dtype: string, shape: readonly number[], values: readonly number[]];

const rows = JSON.parse(readFileSync(fixturePath('forward', 'operators.json'), 'utf8')) as readonly Row[];

describe('operators give what PyTorch gives', () => {
  for (const [line, dtype, shape, expected] of rows) {
    it(line, () => {
      const body = `y = torch.arange(32, dtype=torch.float32).reshape(1, 2, 4, 4)\nreturn ${line}`;
      const { result } = runSource(moduleWith(body));
      assert.ok(result instanceof StridedTensor);
      assert.deepEqual([result.dtype, result.shape], [dtype, shape]);
      const values = dense(new Budget(), result);
      for (const [i, value] of expected.entries())
        assert.ok(
          Math.abs(values[i] - value) <= 1e-5 * Math.max(1, Math.abs(value)),
          `${i}: ${values[i]}, not ${value}`,
        );
    });
  }

  it('to(copy=True) gives a tensor of its own, and without copy the same', () => {
    const body = (call: string) => `y = x.to(${call})\ny += 1\nreturn x[0, 0].item() == 1.0`;
    for (const copied of ['torch.float32, copy=True', '"cpu", torch.float32, False, True', 'x, False, True'])
      assert.equal(runSource(moduleWith(body(copied))).result, true, copied);
    for (const kept of ['torch.float32', '"cpu"', 'x, True'])
      assert.equal(runSource(moduleWith(body(kept))).result, false, kept);
  });
});
