import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../src/core/errors';
import { dequantizeWeight, quantizeWeight } from '../../../../src/engine/quantization/quantizeWeight';
import { seededRandom } from '../../../support/random';

describe('quantizeWeight', () => {
  const weight = Float32Array.of(1, -2, 0.5, 127.5, 0.25, -0.25, 0.125, 0.5);

  it('per tensor: one scale for all', () => {
    const result = quantizeWeight(weight, 2, 4, 'per_tensor');
    assert.deepEqual([...result.scales], [1]);
    assert.deepEqual([...result.zeroPoints], [0]);
    assert.equal(result.axis, null);
    assert.deepEqual([result.rows, result.columns], [2, 4]);
    assert.deepEqual([...result.codes], [1, -2, 0, 127, 0, 0, 0, 0]);
  });

  it('per channel: one scale a row', () => {
    const result = quantizeWeight(weight, 2, 4, 'per_channel');
    assert.deepEqual([...result.scales], [1, Math.fround(0.5 / 127.5)]);
    assert.deepEqual([...result.zeroPoints], [0, 0]);
    assert.equal(result.axis, 0);
    assert.deepEqual([...result.codes], [1, -2, 0, 127, 64, -64, 32, 127]);
  });

  it('ties go to the even code', () => {
    // The last value makes the scale 1.
    const ties = Float32Array.of(0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, -127.5);
    assert.deepEqual([...quantizeWeight(ties, 1, 8, 'per_tensor').codes], [0, 2, 2, 4, 0, -2, -2, -128]);
  });

  it('the most negative value reaches −128, the most positive stays at 127', () => {
    assert.equal(quantizeWeight(Float32Array.of(-127.5), 1, 1, 'per_tensor').codes[0], -128);
    assert.equal(quantizeWeight(Float32Array.of(127.5), 1, 1, 'per_tensor').codes[0], 127);
  });

  it('a weight of zeros keeps zero codes and the smallest scale', () => {
    const result = quantizeWeight(new Float32Array(6), 2, 3, 'per_channel');
    assert.deepEqual([...result.scales], [2 ** -23, 2 ** -23]);
    assert.deepEqual([...result.codes], [0, 0, 0, 0, 0, 0]);
  });

  for (const scheme of ['per_tensor', 'per_channel'] as const) {
    it(`${scheme}: a weight without elements has scale 1`, () => {
      const { codes, scales } = quantizeWeight(new Float32Array(0), 1, 0, scheme);
      assert.deepEqual([codes.length, ...scales], [0, 1]);
    });

    it(`${scheme}: NaN is refused`, () => {
      assert.throws(
        () => quantizeWeight(Float32Array.of(1, Number.NaN, 2, 3), 2, 2, scheme),
        (error: unknown) => error instanceof QuantscopeError && error.code === 'E_NAN_WEIGHT',
      );
    });

    it(`${scheme}: no value is further than half a step from its code, but at the positive end`, () => {
      const random = seededRandom(5);
      const values = Float32Array.from({ length: 400 }, () => random() - 0.5);
      const result = quantizeWeight(values, 20, 20, scheme);
      const restored = dequantizeWeight(result);
      for (let i = 0; i < values.length; i++) {
        const scale = result.scales[scheme === 'per_tensor' ? 0 : Math.floor(i / 20)];
        const atEnd = result.codes[i] === 127 && values[i] > restored[i];
        assert.ok(atEnd || Math.abs(values[i] - restored[i]) <= scale * 0.50002, `value ${values[i]}`);
      }
    });
  }

  it('an infinite weight makes an infinite scale and codes of 0, as in PyTorch', () => {
    const { scales, codes } = quantizeWeight(Float32Array.of(1, Number.POSITIVE_INFINITY), 1, 2, 'per_tensor');
    assert.equal(scales[0], Number.POSITIVE_INFINITY);
    assert.equal(codes[0], 0);
  });

  it('dequantizing multiplies each code with the scale of its row', () => {
    const restored = dequantizeWeight(quantizeWeight(weight, 2, 4, 'per_channel'));
    const scale = Math.fround(0.5 / 127.5);
    const expected = [1, -2, 0, 127, 64 * scale, -64 * scale, 32 * scale, 127 * scale];
    assert.deepEqual([...restored], expected.map(Math.fround));
  });
});
