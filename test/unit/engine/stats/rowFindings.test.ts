import assert from 'node:assert/strict';
import { ConstantRows, rowFindings } from '../../../../src/engine/stats/rowFindings';
import { sumStats } from '../../../../src/engine/stats/tensorStats';

function findings(values: Float32Array, shape: readonly number[], partLength: number) {
  const rows = new ConstantRows(shape, values.length);
  for (let at = 0; at < values.length; at += partLength) rows.add(values.subarray(at, at + partLength));
  return rowFindings(sumStats(values), rows);
}

describe('rows of one value', () => {
  const values = Float32Array.of(
    ...[0, 0, 0, 0],
    ...[0, 0, 0, 1],
    ...[2, 2, 2, 2],
    ...[Number.NaN, Number.NaN, Number.NaN, Number.NaN],
    ...[Number.POSITIVE_INFINITY, 1, 1, 1],
    ...[0, -0, 0, -0],
  );

  it('are counted whatever parts the values come in', () => {
    for (let partLength = 1; partLength <= values.length; partLength++) {
      const { rows, zeroRows, constantRows, nan, inf } = findings(values, [6, 2, 2], partLength);
      assert.deepEqual([rows, zeroRows, constantRows, nan, inf], [6, 2, 1, 4, 1], `parts of ${partLength}`);
    }
  });

  it('a vector has no rows, and a row of one value is none', () => {
    for (const shape of [[24], [24, 1], [0, 4]]) {
      const { zeroRows, constantRows } = findings(shape[0] === 0 ? new Float32Array(0) : values, shape, 5);
      assert.deepEqual([zeroRows, constantRows], [0, 0], `${shape}`);
    }
  });

  it('the largest value and the sample deviation are of the finite ones', () => {
    const { maxAbs, std, values: all } = findings(Float32Array.of(-3, 1, Number.NaN, 2), [4], 4);
    assert.deepEqual([maxAbs, std, all], [3, Math.sqrt(7), 4]);
  });
});
