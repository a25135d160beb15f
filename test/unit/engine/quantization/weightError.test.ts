import assert from 'node:assert/strict';
import { quantizeWeight } from '../../../../src/engine/quantization/quantizeWeight';
import { outlierChannels, weightError } from '../../../../src/engine/quantization/weightError';
import { Generator } from '../../../../src/engine/random/generator';

const rows = 16;
const columns = 64;

/** Normal values, with one row a hundred times as large. */
function withOutlier(row: number): Float32Array {
  const { data } = new Generator(3).randn([rows, columns]);
  for (let i = row * columns; i < (row + 1) * columns; i++) data[i] *= 100;
  return data;
}

describe('the error of a weight', () => {
  it('is nothing where every value is on the grid', () => {
    const error = weightError(Float32Array.of(127.5, -127.5, 1, -3), {
      scheme: 'per_tensor',
      axis: null,
      rows: 2,
      columns: 2,
      codes: Int8Array.of(1, -1, 2, -6),
      scales: Float64Array.of(0.5),
      zeroPoints: new Int32Array(1),
    });
    assert.equal(error.channels.sqnrDb[1], Number.POSITIVE_INFINITY);
    assert.equal(error.maxAbsError, 127);
    assert.equal(error.rmse, Math.sqrt((2 * 127 ** 2) / 4));
    assert.equal(error.relativeRmse, error.rmse / ((127.5 * 2 + 4) / 4));
  });

  it('a row that is a hundred times the others is the first outlier, and a scale of its own helps the others', () => {
    const values = withOutlier(11);
    const perTensor = weightError(values, quantizeWeight(values, rows, columns, 'per_tensor'));
    const perChannel = weightError(values, quantizeWeight(values, rows, columns, 'per_channel'));
    const [first, second] = outlierChannels(perTensor, perChannel, 5);
    assert.equal(first.channel, 11);
    assert.ok(first.ratio > 50 && second.ratio < 3, `${first.ratio}, ${second.ratio}`);
    assert.ok(second.perChannelSqnrDb > second.sqnrDb + 20);
    assert.ok(perChannel.sqnrDb >= perTensor.sqnrDb);
  });

  it('95 of 100 errors are at most p95, and the cosine is that of the restored weight', () => {
    const values = new Generator(4).randn([rows, columns]).data;
    const { p95AbsError, maxAbsError, cosine } = weightError(
      values,
      quantizeWeight(values, rows, columns, 'per_tensor'),
    );
    assert.ok(p95AbsError > 0 && p95AbsError <= maxAbsError);
    assert.ok(cosine > 0.9999 && cosine < 1);
  });

  it('an empty weight has no error', () => {
    const error = weightError(new Float32Array(0), quantizeWeight(new Float32Array(0), 0, 4, 'per_tensor'));
    assert.equal(error.maxAbsError, 0);
    assert.equal(error.p95AbsError, 0);
  });
});
