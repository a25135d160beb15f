import assert from 'node:assert/strict';
import { selectKernels } from '../../../../src/engine/kernels/dispatch';
import { referenceKernels } from '../../../../src/engine/kernels/reference/referenceKernels';
import { explainElement, saturatedShare } from '../../../../src/engine/quantization/explainElement';
import { seededRandom } from '../../../support/random';

/** Σ (code − zero point) · weight in integers of any size. */
function exactSum(codes: Uint8Array, weights: Int8Array, zeroPoint: number): bigint {
  let sum = 0n;
  for (let i = 0; i < codes.length; i++) sum += BigInt(codes[i] - zeroPoint) * BigInt(weights[i]);
  return sum;
}

type Fill = (random: () => number) => readonly [code: number, weight: number];

const fills: readonly [what: string, fill: Fill][] = [
  ['random codes', (random) => [Math.floor(256 * random()), Math.floor(256 * random()) - 128]],
  ['the largest codes with −128', () => [255, -128]],
  ['the largest codes with 127', () => [255, 127]],
];

describe('accumulators are exact', () => {
  for (const k of [1, 2, 17, 1023, 8192, 65_537, 200_000]) {
    for (const [what, fill] of fills) {
      it(`K = ${k}, ${what}`, () => {
        const random = seededRandom(k);
        const codes = new Uint8Array(k);
        const weights = new Int8Array(k);
        for (let i = 0; i < k; i++) [codes[i], weights[i]] = fill(random);
        for (const zeroPoint of [0, 57, 255]) {
          const expected = exactSum(codes, weights, zeroPoint);
          for (const kernels of [referenceKernels, selectKernels()]) {
            const out = new Float64Array(1);
            kernels.gemmInt8(codes, zeroPoint, weights, 1, 1, k, out);
            assert.equal(BigInt(out[0]), expected, `${kernels.name}, zero point ${zeroPoint}`);
          }
        }
      });
    }
  }
});

describe('one element explained', () => {
  const weight = {
    scheme: 'per_tensor' as const,
    axis: null,
    rows: 2,
    columns: 3,
    codes: Int8Array.of(1, 2, 3, -128, 127, 4),
    scales: Float64Array.of(0.5),
    zeroPoints: new Int32Array(1),
  };
  const product = { module: 'm', name: 'weight', weight, bias: Float32Array.of(0.25, -1), engine: 'qnnpack' as const };

  it('has the integers, the scaling and the bias', () => {
    const values = Float32Array.of(0, 0, 0, 1, -2, 3);
    const codes = Uint8Array.of(0, 0, 0, 14, 8, 16);
    const element = explainElement(product, values, codes, { scale: 0.25, zeroPoint: 10 }, 1, 1);
    assert.equal(element.accumulator, (14 - 10) * -128 + (8 - 10) * 127 + (16 - 10) * 4);
    assert.equal(element.multiplier, 0.125);
    assert.equal(element.output, element.accumulator * 0.125 - 1);
    assert.equal(element.largestPartial, 766);
    assert.deepEqual([...element.values], [1, -2, 3]);
  });

  it('refuses a place that is not there', () => {
    const at = (row: number, channel: number) => () =>
      explainElement(product, new Float32Array(3), new Uint8Array(3), { scale: 1, zeroPoint: 0 }, row, channel);
    assert.throws(at(1, 0), /no element at row 1/);
    assert.throws(at(0, 2), /no element at row 0, channel 2/);
  });
});

describe('what 16 bits would have clipped', () => {
  it('two of 255 · 127 do not fit, two of 128 · −128 just do', () => {
    assert.equal(saturatedShare(Uint8Array.of(255, 255), Int8Array.of(127, 127), 1, 1, 2), 1);
    assert.equal(saturatedShare(Uint8Array.of(128, 128), Int8Array.of(-128, -128), 1, 1, 2), 0);
  });

  it('nothing with the range reduced to 7 bits, whatever the values', () => {
    const random = seededRandom(5);
    const codes = Uint8Array.from({ length: 16 * 64 }, () => Math.floor(129 * random()));
    const weights = Int8Array.from({ length: 8 * 64 }, () => (random() < 0.5 ? -128 : 127));
    assert.equal(saturatedShare(codes, weights, 16, 8, 64), 0);
  });
});
