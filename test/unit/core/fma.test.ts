import assert from 'node:assert/strict';
import { fma32, roundHalfEven } from '../../../src/core/fma';
import { seededRandom } from '../../support/random';

const f = Math.fround;
const view = new DataView(new ArrayBuffer(8));

/** A finite double as an integer times 2^-1100, exactly. */
function scaled(x: number): bigint {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & ((1n << 52n) - 1n);
  const magnitude = exponent === 0n ? fraction << 26n : (fraction | (1n << 52n)) << (exponent + 25n);
  return bits >> 63n ? -magnitude : magnitude;
}

/** The float32 nearest to value · 2^-2200, ties to even. */
function nearestFloat32(value: bigint): number {
  const negative = value < 0n;
  const magnitude = negative ? -value : value;
  const length = magnitude === 0n ? 0 : magnitude.toString(2).length;
  // The unit in the last place: 24 bits of precision, but no finer than 2^-149.
  const drop = BigInt(Math.max(length - 24, 2200 - 149));
  const half = 1n << (drop - 1n);
  const rest = magnitude & ((1n << drop) - 1n);
  let kept = magnitude >> drop;
  if (rest > half || (rest === half && kept & 1n)) kept++;
  const result = Number(kept) * 2 ** (Number(drop) - 2200);
  return (negative ? -1 : 1) * (result > 3.4028234663852886e38 ? Number.POSITIVE_INFINITY : result);
}

function exactFma(a: number, b: number, c: number): number {
  return nearestFloat32(scaled(a) * scaled(b) + (scaled(c) << 1100n));
}

function check(a: number, b: number, c: number): void {
  const actual = fma32(a, b, c);
  const expected = exactFma(a, b, c);
  assert.ok(actual === expected, `fma(${a}, ${b}, ${c}) is ${actual}, expected ${expected}`);
}

describe('fma32', () => {
  const random = seededRandom(3);
  const float = (range: number) => f((random() - 0.5) * 2 ** Math.floor((random() - 0.5) * range));

  it('rounds once: random values of like magnitude', () => {
    for (let i = 0; i < 4000; i++) check(float(4), float(4), float(4));
  });

  it('rounds once: random values of every magnitude', () => {
    for (let i = 0; i < 4000; i++) check(float(120), float(120), float(240));
  });

  it('rounds once where the product cancels against the addend', () => {
    for (let i = 0; i < 2000; i++) {
      const a = float(8);
      const b = float(8);
      check(a, b, f(-a * b));
    }
  });

  it('rounds ties, and what lies barely beside them, as they are', () => {
    for (let i = 0; i < 4000; i++) {
      // c is odd in the last place of float32, a half of which the product makes up; the third factor breaks the tie.
      const c = f((2 ** 23 + Math.floor(random() * 2 ** 22)) * (random() < 0.5 ? -1 : 1));
      const nudge = [0, 2 ** -12, -(2 ** -12), 2 ** -23, -(2 ** -23)][i % 5];
      check(0.5, f(1 + nudge), c);
      check(f(0.5 + nudge), f(1 - nudge), c);
      check(f(2 ** -30), f((1 + nudge) * 2 ** -1), f(c * 2 ** -30));
    }
  });

  it('a tie that two roundings would break wrongly', () => {
    // 2^24 + 1 is a tie in float32; 2^-40 decides it, but double cannot hold the sum.
    const a = f(1 + 2 ** -20);
    check(a, a, 2 ** 24);
    check(f(2 ** -20), f(2 ** -20), f(2 ** 24));
    assert.equal(
      fma32(f(1 + 2 ** -12), f(1 - 2 ** -12), 2 ** 24 + 2),
      exactFma(f(1 + 2 ** -12), f(1 - 2 ** -12), 2 ** 24 + 2),
    );
  });

  it('results below the normal range', () => {
    for (let i = 0; i < 1000; i++) check(f(random() * 2 ** -70), f(random() * 2 ** -70), f(random() * 2 ** -140));
  });

  const special: readonly [a: number, b: number, c: number, result: number][] = [
    [Number.NaN, 1, 1, Number.NaN],
    [1, Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY],
    [0, Number.POSITIVE_INFINITY, 1, Number.NaN],
    [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    [1, 1, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [f(3e38), f(3e38), 0, Number.POSITIVE_INFINITY],
    [1, -0, 0, 0],
    [1, -0, -0, -0],
  ];
  for (const [a, b, c, result] of special) {
    it(`fma(${a}, ${b}, ${Object.is(c, -0) ? '−0' : c}) is ${Object.is(result, -0) ? '−0' : result}`, () => {
      assert.ok(Object.is(fma32(a, b, c), result));
    });
  }
});

describe('roundHalfEven', () => {
  const table: readonly [x: number, rounded: number][] = [
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, 0],
    [-1.5, -2],
    [-2.5, -2],
    [0.49999999999999994, 0],
    [0.5000000000000001, 1],
    [-0.5000000000000001, -1],
    [254.5, 254],
    [255.5, 256],
    [2 ** 52 + 1, 2 ** 52 + 1],
    [7, 7],
  ];
  for (const [x, rounded] of table) {
    it(`${x} → ${rounded}`, () => {
      assert.ok(roundHalfEven(x) === rounded);
    });
  }

  it('keeps NaN and infinities', () => {
    assert.ok(Number.isNaN(roundHalfEven(Number.NaN)));
    assert.equal(roundHalfEven(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
    assert.equal(roundHalfEven(Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY);
  });
});
