import assert from 'node:assert/strict';
import {
  addToBins,
  binEdges,
  emptyBins,
  mergeStats,
  noStats,
  standardDeviation,
  sumStats,
} from '../../../../src/engine/stats/tensorStats';
import { seededRandom } from '../../../support/random';

describe('tensor statistics', () => {
  it('known values', () => {
    const sums = sumStats(Float32Array.of(1, 2, 3, 4, 0));
    assert.deepEqual(sums, { count: 5, min: 0, max: 4, mean: 2, m2: 10, zeros: 1, nan: 0, inf: 0 });
    assert.equal(standardDeviation(sums), Math.sqrt(10 / 5));
  });

  it('NaN and infinities are counted apart', () => {
    const sums = sumStats(Float32Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY, 0));
    assert.deepEqual([sums.count, sums.nan, sums.inf, sums.zeros, sums.min, sums.max], [3, 1, 2, 1, 0, 3]);
  });

  it('a large offset costs no precision', () => {
    const sums = sumStats(Float32Array.of(1e7 + 1, 1e7 + 2, 1e7 + 3));
    assert.equal(standardDeviation(sums), Math.sqrt(2 / 3));
  });

  it('parts merge to the statistics of the whole', () => {
    const random = seededRandom(12);
    const values = Float32Array.from({ length: 1000 }, () => (random() - 0.3) * 100);
    for (const cut of [0, 1, 500, 999, 1000]) {
      const merged = mergeStats(sumStats(values.slice(0, cut)), sumStats(values.slice(cut)));
      const whole = sumStats(values);
      assert.deepEqual([merged.count, merged.min, merged.max], [whole.count, whole.min, whole.max]);
      assert.ok(Math.abs(merged.mean - whole.mean) < 1e-10 && Math.abs(merged.m2 / whole.m2 - 1) < 1e-10, `cut ${cut}`);
    }
  });

  it('parts without finite values still add their counts', () => {
    const nan = sumStats(Float32Array.of(Number.NaN));
    assert.deepEqual(mergeStats(nan, sumStats(Float32Array.of(Number.POSITIVE_INFINITY))), {
      ...noStats,
      nan: 1,
      inf: 1,
    });
  });

  it('the last bin includes its upper edge; NaN and infinities are left out', () => {
    const bins = emptyBins(4, 0, 4);
    addToBins(bins, Float32Array.of(0, 1, 2, 3, 4, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))();
    assert.deepEqual([...binEdges(bins)], [0, 1, 2, 3, 4]);
    assert.deepEqual([...bins.counts], [1, 1, 1, 2]);
  });

  it('equal values get a bin of their own width', () => {
    const bins = emptyBins(2, 7, 7);
    addToBins(bins, Float32Array.of(7, 7, 7))();
    assert.deepEqual([...binEdges(bins)], [6.5, 7, 7.5]);
    assert.deepEqual([...bins.counts], [0, 3]);
  });

  it('no value falls out of a histogram over its own range', () => {
    const random = seededRandom(13);
    for (let run = 0; run < 300; run++) {
      const values = Float32Array.from({ length: 50 }, () => (random() - 0.5) * 10 ** (random() * 60 - 30));
      const { min, max } = sumStats(values);
      const bins = emptyBins(1 + Math.floor(random() * 40), min, max);
      addToBins(bins, values)();
      assert.equal(
        bins.counts.reduce((a, b) => a + b),
        50,
      );
    }
  });
});
