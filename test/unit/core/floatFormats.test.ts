import assert from 'node:assert/strict';
import { bfloat16ToNumber, float16ToNumber, numberToFloat16 } from '../../../src/core/floatFormats';

describe('float16', () => {
  const known: readonly [pattern: number, value: number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x03ff, 1023 * 2 ** -24],
    [0x0001, 2 ** -24],
    [0x3555, 0.333251953125],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ];
  for (const [pattern, value] of known) {
    it(`0x${pattern.toString(16).padStart(4, '0')} is ${Object.is(value, -0) ? '−0' : value}`, () => {
      assert.ok(Object.is(float16ToNumber(pattern), value));
      assert.equal(numberToFloat16(value), pattern);
    });
  }

  it('all 65,536 patterns survive the way to float32 and back', () => {
    for (let pattern = 0; pattern < 65_536; pattern++) {
      const value = float16ToNumber(pattern);
      assert.ok(Object.is(Math.fround(value), value));
      const back = numberToFloat16(value);
      if (Number.isNaN(value)) assert.ok((back & 0x7c00) === 0x7c00 && (back & 0x3ff) !== 0, pattern.toString(16));
      else assert.equal(back, pattern);
    }
  });

  it('midpoints between neighbours go to the even pattern, and what lies beside them to the nearer one', () => {
    for (let pattern = 0; pattern < 0x7bff; pattern++) {
      const low = float16ToNumber(pattern);
      const middle = (low + float16ToNumber(pattern + 1)) / 2;
      const nudge = middle * 2 ** -22;
      assert.equal(numberToFloat16(middle), pattern + (pattern & 1));
      assert.equal(numberToFloat16(middle + nudge), pattern + 1);
      assert.equal(numberToFloat16(middle - nudge), pattern);
      assert.equal(numberToFloat16(-middle), 0x8000 | (pattern + (pattern & 1)));
    }
  });

  const limits: readonly [value: number, pattern: number][] = [
    [65519, 0x7bff],
    [65520, 0x7c00],
    [-65520, 0xfc00],
    [1e30, 0x7c00],
    [2 ** -25, 0],
    [2 ** -24 * 0.5001, 1],
    [1e-30, 0],
    [-1e-30, 0x8000],
  ];
  for (const [value, pattern] of limits) {
    it(`${value} becomes 0x${pattern.toString(16).padStart(4, '0')}`, () => {
      assert.equal(numberToFloat16(value), pattern);
    });
  }
});

describe('bfloat16', () => {
  it('every pattern is the float32 with that upper half', () => {
    const view = new DataView(new ArrayBuffer(4));
    for (let pattern = 0; pattern < 65_536; pattern++) {
      view.setUint32(0, pattern * 65_536);
      assert.ok(Object.is(bfloat16ToNumber(pattern), view.getFloat32(0)));
    }
  });
});
