import assert from 'node:assert/strict';
import { minMaxObserver, observeRange, perChannelMinMaxObserver } from '../../../../src/engine/quantization/observers';

const f = Math.fround;

describe('observers', () => {
  it('observeRange gives the smallest and the largest value', () => {
    assert.deepEqual(observeRange(Float32Array.of(3, -2, 7, 0)), { min: -2, max: 7 });
  });

  for (const position of [0, 2, 4]) {
    it(`one NaN at ${position} of 5 makes both ends NaN`, () => {
      const values = Float32Array.of(1, 2, 3, 4, 5);
      values[position] = Number.NaN;
      assert.deepEqual(observeRange(values), { min: Number.NaN, max: Number.NaN });
    });
  }

  it('observeRange of nothing is inverted', () => {
    assert.deepEqual(observeRange(new Float32Array(0)), {
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
    });
  });

  it('minMaxObserver divides the largest magnitude by 127.5', () => {
    assert.equal(minMaxObserver(Float32Array.of(0.5, -2, 1)), f(2 / 127.5));
  });

  it('minMaxObserver of nothing is 1', () => {
    assert.equal(minMaxObserver(new Float32Array(0)), 1);
  });

  it('perChannelMinMaxObserver gives each row its own scale', () => {
    const scales = perChannelMinMaxObserver(Float32Array.of(1, -3, 0, 0, 0.5, 0.25), 3);
    assert.deepEqual([...scales], [f(3 / 127.5), 2 ** -23, f(0.5 / 127.5)]);
  });

  it('perChannelMinMaxObserver takes weights without rows or columns', () => {
    assert.deepEqual([...perChannelMinMaxObserver(new Float32Array(0), 0)], []);
    assert.deepEqual([...perChannelMinMaxObserver(new Float32Array(0), 2)], [1, 1]);
  });
});
