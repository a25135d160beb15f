import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { dynamicTwin } from '../../src/engine/nn/dynamicTwin';
import { weightForms } from '../../src/engine/quantization/qconfigs';
import { type DynamicCase, dynamicCases, unpack, unpackModule } from '../support/moduleCases';

const context = { kernels: selectKernels(), abort: neverAborted };
const { cases } = dynamicCases('dynamic.json.gz');

/** Embedding tables and products without an activation have PyTorch's bits; σ, tanh and half products differ by ulps. */
function tolerance({ name, qconfig, engine }: DynamicCase): number {
  // oneDNN's own kernel rounds a last bit otherwise than its formula says.
  if (name.startsWith('LinearReLU')) return engine === 'onednn' ? 2 ** -24 : 0;
  if (qconfig.startsWith('float_qparams')) return 0;
  return 1e-6;
}

describe('modules after quantize_dynamic are PyTorch’s', () => {
  for (const each of cases) {
    const { name, module, inputs, outputs, engine, qconfig } = each;
    it(`${name}: within ${tolerance(each)}`, () => {
      assert.ok(Object.hasOwn(weightForms, qconfig));
      const twin = dynamicTwin(unpackModule(module), 'm', engine, qconfig);
      assert.ok(twin !== undefined, 'has a dynamic twin');
      const actual = twin.forward(
        inputs.map((tensor) => (tensor === null ? undefined : unpack(tensor))),
        context,
      );
      for (const [i, packed] of outputs.entries()) {
        const expected = unpack(packed);
        assert.deepEqual(actual[i].shape, expected.shape);
        let worst = 0;
        for (let at = 0; at < expected.data.length; at++) {
          worst = Math.max(worst, Math.abs(actual[i].data[at] - Number(expected.data[at])));
        }
        assert.ok(worst <= tolerance(each), `output ${i}: largest difference ${worst}`);
      }
    });
  }

  it('a qconfig that is not for a module gives it no twin', () => {
    const [linear] = cases.filter(({ name }) => name.startsWith('LinearReLU'));
    const [table] = cases.filter(({ name }) => name.startsWith('Embedding,'));
    assert.equal(dynamicTwin(unpackModule(linear.module), '', 'fbgemm', 'float_qparams'), undefined);
    assert.equal(dynamicTwin(unpackModule(table.module), '', 'fbgemm', 'default_dynamic'), undefined);
  });
});
