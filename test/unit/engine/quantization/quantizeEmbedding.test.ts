import assert from 'node:assert/strict';
import { QuantscopeError } from '../../../../src/core/errors';
import {
  addRow,
  lookUp,
  packedCodes,
  quantizeEmbedding,
  rowFactors,
} from '../../../../src/engine/quantization/quantizeEmbedding';

describe('quantizeEmbedding', () => {
  it('gives every row its own scale, and a zero point that is no integer', () => {
    const { codes, scales, zeroPoints } = quantizeEmbedding(Float32Array.of(1, 2, -100, 155), 2, 2, 8);
    assert.deepEqual([...codes], [0, 255, 0, 255]);
    assert.deepEqual([...scales], [Math.fround(1 / 255), 1]);
    assert.deepEqual([...zeroPoints], [Math.fround(-1 / Math.fround(1 / 255)), 100]);
  });

  it('spends all codes on a range without zero', () => {
    const table = quantizeEmbedding(Float32Array.of(10, 11), 1, 2, 4);
    assert.deepEqual([...table.codes], [0, 15]);
  });

  it('gives a constant row the scale 1', () => {
    const table = quantizeEmbedding(Float32Array.of(7.25, 7.25), 1, 2, 8);
    assert.deepEqual([...table.scales, ...table.zeroPoints, ...table.codes], [1, -7.25, 0, 0]);
    assert.deepEqual([...lookUp(table, 0)], [7.25, 7.25]);
  });

  it('packs two 4-bit codes into a byte, the first into its low half', () => {
    const table = quantizeEmbedding(Float32Array.of(0, 15, 3, 12), 1, 4, 4);
    assert.deepEqual([...packedCodes(table)], [0xf0, 0xc3]);
  });

  it('keeps the factors of a 4-bit lookup in half precision', () => {
    const values = Float32Array.of(0, 0.1, 0.2, 0.3);
    const scale = Math.fround(Math.fround(0.3) / 15);
    assert.equal(rowFactors(quantizeEmbedding(values, 1, 4, 4), 0).scale, 0.0200042724609375);
    assert.ok(Math.abs(scale - 0.0200042724609375) > 0);
  });

  it('adds weighted rows to a bag', () => {
    const table = quantizeEmbedding(Float32Array.of(0, 255, 255, 0), 2, 2, 8);
    const bag = new Float32Array(2);
    addRow(table, 0, 1, bag);
    addRow(table, 1, 0.5, bag);
    assert.deepEqual([...bag], [127.5, 255]);
  });

  const refusals: readonly [what: string, values: Float32Array, width: number, code: string][] = [
    ['an odd width for 4 bits', new Float32Array(3), 3, 'E_ODD_WIDTH'],
    ['NaN', Float32Array.of(0, Number.NaN), 2, 'E_NAN_WEIGHT'],
  ];
  for (const [what, values, width, code] of refusals) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => quantizeEmbedding(values, 1, width, 4),
        (error) => error instanceof QuantscopeError && error.details.code === code,
      );
    });
  }
});
