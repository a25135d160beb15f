import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { moduleCases, unpack, unpackModule } from '../support/moduleCases';

/** What float modules may differ by: PyTorch sums in float32, the engine in double. */
const tolerance = 2e-6;

describe('float modules are PyTorch’s within 2e-6', () => {
  const context = { kernels: selectKernels(), abort: neverAborted };
  const { cases } = moduleCases('modules.json.gz');
  for (const { name, module, inputs, outputs } of cases) {
    it(name, () => {
      const given = inputs.map((tensor) => (tensor === null ? undefined : unpack(tensor)));
      const actual = unpackModule(module).forward(given, context);
      assert.equal(actual.length, outputs.length, 'number of outputs');
      for (const [i, packed] of outputs.entries()) {
        const expected = unpack(packed);
        assert.deepEqual(actual[i].shape, expected.shape, `shape of output ${i}`);
        let worst = 0;
        for (let at = 0; at < expected.data.length; at++) {
          worst = Math.max(worst, Math.abs(Number(actual[i].data[at]) - Number(expected.data[at])));
        }
        assert.ok(worst <= tolerance, `output ${i}: largest difference ${worst}`);
      }
    });
  }
});
