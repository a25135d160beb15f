import assert from 'node:assert/strict';
import { roundHalfEven } from '../../../../src/core/fma';
import { referenceKernels } from '../../../../src/engine/kernels/reference/referenceKernels';
import { engineSemantics, type QuantizedEngine, quantizedEngines } from '../../../../src/engine/quantization/engines';
import { seededRandom } from '../../../support/random';

const f = Math.fround;

function codesOf(engine: QuantizedEngine, values: readonly number[], scale: number, zero: number) {
  const out = new Uint8Array(values.length);
  const clamped = referenceKernels.quantizeActivation(
    Float32Array.from(values),
    scale,
    zero,
    engineSemantics[engine],
    out,
  );
  return { codes: [...out], clamped };
}

describe('engine semantics', () => {
  it('qnnpack alone ignores reduce_range', () => {
    assert.deepEqual(
      quantizedEngines.map((engine) => engineSemantics[engine].reduceRange),
      [true, true, true, false],
    );
  });

  describe('ties with an odd zero point', () => {
    // x / scale = 0.5, 1.5, 2.5, −0.5: the product alone, or the sum with the zero point, goes to even.
    const values = [0.5, 1.5, 2.5, -0.5];
    it('qnnpack rounds before it adds the zero point', () => {
      assert.deepEqual(codesOf('qnnpack', values, 1, 11).codes, [11, 13, 13, 11]);
    });
    for (const engine of ['fbgemm', 'onednn'] as const) {
      it(`${engine} rounds after it added the zero point`, () => {
        assert.deepEqual(codesOf(engine, values, 1, 11).codes, [12, 12, 14, 10]);
      });
    }
  });

  it('with an even zero point all engines agree on ties', () => {
    for (const engine of quantizedEngines) {
      assert.deepEqual(codesOf(engine, [0.5, 1.5, 2.5, -0.5], 1, 10).codes, [10, 12, 12, 10], engine);
    }
  });

  it('fbgemm keeps what onednn rounds away before the addition', () => {
    const random = seededRandom(6);
    let different = 0;
    for (let i = 0; i < 20_000; i++) {
      const scale = 0.01 + random();
      const value = f((Math.floor(random() * 100) + 0.5) * scale);
      const [a, b] = (['fbgemm', 'onednn'] as const).map((engine) => codesOf(engine, [value], scale, 3).codes[0]);
      assert.ok(Math.abs(a - b) <= 1);
      if (a !== b) different++;
    }
    assert.ok(different > 0);
  });

  it('codes are clamped to 0…255 even in the reduced range, and the clamp is counted', () => {
    for (const engine of quantizedEngines) {
      const { codes, clamped } = codesOf(engine, [-1000, 1000, 100, 255 - 64], 1, 64);
      assert.deepEqual(codes, [0, 255, 164, 255], engine);
      assert.equal(clamped, 2, engine);
    }
  });

  it('infinities end at the clamp', () => {
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const engine of quantizedEngines) assert.deepEqual(codesOf(engine, values, 1, 7).codes, [255, 0], engine);
  });

  it('fbgemm adds the bias with one rounding, the others with two', () => {
    const sum = 16_777_213;
    const multiplier = f(1.0000001);
    const bias = 0.75;
    const exact = f(sum * multiplier + bias);
    assert.equal(engineSemantics.fbgemm.output(sum, multiplier, bias), exact);
    for (const engine of ['onednn', 'qnnpack'] as const) {
      assert.equal(engineSemantics[engine].output(sum, multiplier, bias), f(f(sum * multiplier) + bias), engine);
    }
  });

  it('multipliers are the float32 product of both scales, but for the two inversions of onednn', () => {
    const random = seededRandom(8);
    for (let i = 0; i < 1000; i++) {
      const scale = random() * 0.1;
      const weightScale = f(random() * 0.01);
      const product = f(f(scale) * weightScale);
      assert.equal(engineSemantics.fbgemm.multiplier(scale, weightScale), product);
      assert.equal(engineSemantics.qnnpack.multiplier(scale, weightScale), product);
      assert.ok(Math.abs(engineSemantics.onednn.multiplier(scale, weightScale) - product) <= product * 2 ** -21);
    }
  });

  it('without a bias every engine gives the rounded product', () => {
    for (const engine of quantizedEngines) {
      assert.equal(engineSemantics[engine].outputWithoutBias(12_345, f(0.1)), f(12_345 * f(0.1)), engine);
    }
  });

  it('the qnnpack code is an integer already', () => {
    const random = seededRandom(9);
    for (let i = 0; i < 1000; i++) {
      const code = engineSemantics.qnnpack.code(f((random() - 0.5) * 40), f(3.7), 5);
      assert.equal(roundHalfEven(code), code);
    }
  });
});

describe('variants of the engines', () => {
  it('onednn2 divides where onednn multiplies: the same within 2 ulp, and not always the same', () => {
    const random = seededRandom(11);
    let different = 0;
    for (let i = 0; i < 5000; i++) {
      const [scale, weightScale] = [random() * 0.1, f(random() * 0.01)];
      const sum = Math.floor((random() - 0.5) * 100_000);
      const outputs = (['onednn', 'onednn2'] as const).map((engine) => {
        const { multiplier, outputWithoutBias } = engineSemantics[engine];
        return outputWithoutBias(sum, multiplier(scale, weightScale));
      });
      if (outputs[0] !== outputs[1]) different++;
      assert.ok(Math.abs(outputs[0] - outputs[1]) <= Math.abs(outputs[0]) * 2 ** -22);
    }
    assert.ok(different > 100);
  });

  it('qnnpack next to FBGEMM rounds after it added the zero point, and keeps the whole range', () => {
    assert.deepEqual(codesOf('qnnpackX86', [0.5, 1.5, 2.5, -0.5], 1, 11).codes, [12, 12, 14, 10]);
    assert.equal(engineSemantics.qnnpackX86.reduceRange, false);
  });
});
