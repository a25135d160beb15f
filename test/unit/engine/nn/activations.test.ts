import assert from 'node:assert/strict';
import { type ActivationForm, activationForms, vectorEnd } from '../../../../src/engine/nn/activations';
import { expf } from '../../../../src/engine/nn/expf';
import { sleefExp } from '../../../../src/engine/nn/sleef';
import { Generator } from '../../../../src/engine/random/generator';

const forms: readonly ActivationForm[] = ['portable', 'sleef'];
const infinity = Number.POSITIVE_INFINITY;

/** How many float32 values lie between two of the same sign. */
function ulps(a: number, b: number): number {
  const [x, y] = new Int32Array(Float32Array.of(a, b).buffer);
  return Math.abs(x - y);
}

describe('activations', () => {
  for (const form of forms) {
    const { sigmoid, tanh } = activationForms[form];

    it(`${form}: tanh at its ends`, () => {
      assert.deepEqual([0, -0, infinity, -infinity, 20, -20].map(tanh), [0, -0, 1, -1, 1, -1]);
      assert.ok(Number.isNaN(tanh(Number.NaN)));
    });

    it(`${form}: tanh is odd`, () => {
      for (const x of new Generator(1).normal([1000], 0, 3).data) assert.equal(tanh(-x), -tanh(x));
    });

    for (const vectorized of [true, false]) {
      it(`${form}: σ at its ends, ${vectorized ? 'in the vector loop' : 'in the tail'}`, () => {
        const values = [0, -0, infinity, -infinity, 200, -200].map((x) => sigmoid(x, vectorized));
        assert.deepEqual(values, [0.5, 0.5, 1, 0, 1, 0]);
        assert.ok(Number.isNaN(sigmoid(Number.NaN, vectorized)));
      });
    }
  }

  it('the forms differ, by at most 2 ulp', () => {
    const [portable, sleef] = forms.map((form) => activationForms[form]);
    let different = 0;
    for (const x of new Generator(2).normal([20_000], 0, 3).data) {
      const pairs = [
        [portable.tanh(x), sleef.tanh(x)],
        [portable.sigmoid(x, true), sleef.sigmoid(x, true)],
        [portable.sigmoid(x, false), sleef.sigmoid(x, false)],
      ];
      for (const [a, b] of pairs) {
        if (a !== b) different++;
        assert.ok(ulps(a, b) <= 2, `${x}: ${a} and ${b}`);
      }
    }
    assert.ok(different > 0);
  });

  const exponentials = { sleefExp, expf };
  for (const [name, exp] of Object.entries(exponentials)) {
    it(`${name} is exp within 1 ulp from the smallest normal result to the largest`, () => {
      for (let x = -87; x <= 88.7; x += 0.0371) {
        const at = Math.fround(x);
        assert.ok(ulps(exp(at), Math.fround(Math.exp(at))) <= 1, `${at}`);
      }
    });

    it(`${name} overflows to infinity and underflows to zero`, () => {
      assert.deepEqual([exp(1000), exp(-1000), exp(0)], [infinity, 0, 1]);
    });
  }

  it('PyTorch computes σ in steps of 16 values, and what is left one by one', () => {
    assert.deepEqual([0, 1, 15, 16, 17, 33].map(vectorEnd), [0, 0, 0, 16, 16, 32]);
  });
});
