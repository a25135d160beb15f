import assert from 'node:assert/strict';
import { accuracy, addErrorSums, errorMetrics, errorSums } from '../../../../src/engine/quantization/errorMetrics';

describe('error metrics', () => {
  it('known values: 3² + 4² against an error of 1', () => {
    const metrics = errorMetrics(errorSums(Float32Array.of(3, 4), Float32Array.of(3, 5)));
    assert.equal(metrics.sqnrDb, 10 * Math.log10(25));
    assert.equal(metrics.rmse, Math.sqrt(0.5));
    assert.equal(metrics.maxAbsError, 1);
  });

  it('nothing differs: infinite SQNR', () => {
    const metrics = errorMetrics(errorSums(Float32Array.of(1, 2), Float32Array.of(1, 2)));
    assert.deepEqual(metrics, { sqnrDb: Number.POSITIVE_INFINITY, rmse: 0, maxAbsError: 0 });
  });

  it('no values: no error', () => {
    assert.deepEqual(errorMetrics(addErrorSums([])), { sqnrDb: Number.POSITIVE_INFINITY, rmse: 0, maxAbsError: 0 });
  });

  it('sums over parts are the sums over the whole', () => {
    const reference = Float32Array.of(1, -2, 3, -4, 5);
    const values = Float32Array.of(1.5, -2, 2.5, -4.25, 5);
    const parts = [
      errorSums(reference.subarray(0, 2), values.subarray(0, 2)),
      errorSums(reference.subarray(2), values.subarray(2)),
    ];
    assert.deepEqual(addErrorSums(parts), errorSums(reference, values));
  });

  it('accuracy: means of magnitudes, the difference as a percentage', () => {
    const result = accuracy(Float32Array.of(1, -3), Float32Array.of(1, -2));
    assert.equal(result.meanAbsFloat, 2);
    assert.equal(result.meanAbsQuantized, 1.5);
    assert.equal(result.meanAbsDiff, 0.5);
    assert.equal(result.percent, 25);
    assert.equal(result.maxAbsDiff, 1);
    assert.equal(result.sqnrDb, 10);
    assert.ok(Math.abs(result.cosine - 7 / Math.sqrt(50)) < 1e-15);
  });

  it('accuracy of equal outputs: cosine 1, nothing off', () => {
    const { percent, cosine, sqnrDb } = accuracy(Float32Array.of(1, 2, 3), Float32Array.of(1, 2, 3));
    assert.deepEqual([percent, sqnrDb], [0, Number.POSITIVE_INFINITY]);
    assert.ok(Math.abs(cosine - 1) < 1e-12);
  });

  it('accuracy of zeros and of nothing is finite', () => {
    for (const values of [new Float32Array(3), new Float32Array(0)]) {
      const { meanAbsFloat, percent, cosine } = accuracy(values, values);
      assert.deepEqual([meanAbsFloat, percent, cosine], [0, 0, 1]);
    }
  });
});
