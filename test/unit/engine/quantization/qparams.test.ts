import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../src/core/errors';
import { chooseQParams, symmetricScale } from '../../../../src/engine/quantization/qparams';
import { seededRandom } from '../../../support/random';

const f = Math.fround;
const smallest = f(6.1e-5);

describe('chooseQParams', () => {
  type Answer = readonly [scale: number, zeroPoint: number];
  /** Values of torch._choose_qparams_per_tensor; the bounds are float32. */
  const table: readonly [what: string, min: number, max: number, full: Answer, reduced: Answer][] = [
    ['zeros', 0, 0, [0.1, 0], [0.1, 0]],
    ['a constant below float32', f(1e-45), f(1e-45), [0.1, 0], [0.1, 0]],
    ['a tiny constant', f(1e-30), f(1e-30), [smallest, 0], [smallest, 0]],
    ['a positive constant', 3.5, 3.5, [3.5 / 255, 0], [3.5 / 127, 0]],
    ['a negative constant', -2.25, -2.25, [2.25 / 255, 255], [2.25 / 127, 127]],
    ['a small range around zero', f(-2e-3), f(3e-3), [smallest, 102], [smallest, 51]],
    ['a small positive range', 0, f(3e-3), [smallest, 0], [smallest, 0]],
    ['a small negative range', f(-3e-3), 0, [smallest, 255], [smallest, 127]],
    ['−1 to 1', -1, 1, [2 / 255, 128], [2 / 127, 64]],
    ['−1 to 2', -1, 2, [3 / 255, 85], [3 / 127, 42]],
    ['−3 to 1', -3, 1, [4 / 255, 191], [4 / 127, 95]],
    ['nearly all of float32', f(-3.4e38), f(3.4e38), [2.666666629132835e36, 127], [5.354330633298211e36, 64]],
  ];
  for (const [what, min, max, full, reduced] of table) {
    it(`${what}: full range ${full.join(', ')}`, () => {
      assert.deepEqual(chooseQParams(min, max, false), { scale: full[0], zeroPoint: full[1] });
    });
    it(`${what}: reduced range ${reduced.join(', ')}`, () => {
      assert.deepEqual(chooseQParams(min, max, true), { scale: reduced[0], zeroPoint: reduced[1] });
    });
  }

  it('zero always has an exact code', () => {
    const random = seededRandom(1);
    for (let i = 0; i < 2000; i++) {
      const bounds = [random(), random()].map((x) => f((x - 0.5) * 10 ** (random() * 12 - 6))).sort((a, b) => a - b);
      for (const reduced of [false, true]) {
        const { scale, zeroPoint } = chooseQParams(bounds[0], bounds[1], reduced);
        assert.ok(scale >= smallest, String(scale));
        assert.ok(Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint <= (reduced ? 127 : 255));
      }
    }
  });

  for (const [min, max] of [
    [Number.NaN, Number.NaN],
    [Number.NaN, 1],
    [0, Number.NaN],
    [1, 0],
  ]) {
    it(`refuses a range from ${min} to ${max} in PyTorch's words`, () => {
      assert.throws(
        () => chooseQParams(min, max, false),
        (error: unknown) =>
          error instanceof QuantscopeError &&
          error.code === 'E_NAN_INPUT' &&
          error.message === 'In ChooseQuantizationParams, min should be less than or equal to max',
      );
    });
  }
});

describe('symmetricScale', () => {
  const epsilon = 2 ** -23;
  const table: readonly [min: number, max: number, scale: number][] = [
    [0, 0, epsilon],
    [-127.5, 0, 1],
    [0, 127.5, 1],
    [-1, 0.5, f(1 / 127.5)],
    [-0.5, 1, f(1 / 127.5)],
    [0.25, 0.5, f(0.5 / 127.5)],
    [-0.5, -0.25, f(0.5 / 127.5)],
    [f(-1e-9), f(1e-9), epsilon],
    [f(-1e6), f(2e6), f(f(2e6) / 127.5)],
    [0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ];
  for (const [min, max, scale] of table) {
    it(`${min} to ${max}: ${scale}`, () => {
      assert.equal(symmetricScale(min, max), scale);
    });
  }

  it('refuses NaN', () => {
    assert.throws(
      () => symmetricScale(Number.NaN, Number.NaN),
      (error: unknown) => error instanceof QuantscopeError && error.code === 'E_NAN_WEIGHT',
    );
  });
});
