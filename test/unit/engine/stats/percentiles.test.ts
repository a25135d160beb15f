import assert from 'node:assert/strict';
import { percentiles } from '../../../../src/engine/stats/percentiles';
import { addToBins, emptyBins, sumStats } from '../../../../src/engine/stats/tensorStats';
import { seededRandom } from '../../../support/random';

/** torch.quantile by sorting. */
function bySorting(values: Float32Array, share: number): number {
  const sorted = values.filter(Number.isFinite).sort();
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.min(Math.floor(at) + 1, sorted.length - 1)]];
  return below + (above - below) * (at - Math.floor(at));
}

/** The values as they are asked for with a histogram of so many bins. */
function known(values: Float32Array, bins: number) {
  const sums = sumStats(values);
  const counted = emptyBins(bins, sums.min, sums.max);
  addToBins(counted, values)();
  return { sums, bins: counted };
}

describe('percentiles', () => {
  it('interpolate as torch.quantile', () => {
    assert.deepEqual(percentiles(Float32Array.of(4, 1, 3, 2), [0, 0.5, 0.75, 1]), [1, 2.5, 3.25, 4]);
    assert.deepEqual(percentiles(Float32Array.of(Number.NaN, 5), [0.5]), [5]);
    assert.deepEqual(percentiles(new Float32Array(0), [0.5]), [Number.NaN]);
  });

  it('are those of the sorted values, whatever their signs and sizes', () => {
    const random = seededRandom(14);
    for (let run = 0; run < 50; run++) {
      const values = Float32Array.from(
        { length: 1 + Math.floor(random() * 300) },
        () => (random() - 0.6) * 10 ** (random() * 8 - 4),
      );
      const sorted = values.slice().sort();
      const share = random();
      const at = share * (sorted.length - 1);
      const [below, above] = [sorted[Math.floor(at)], sorted[Math.min(Math.floor(at) + 1, sorted.length - 1)]];
      assert.deepEqual(percentiles(values, [share]), [below + (above - below) * (at - Math.floor(at))]);
    }
  });

  it('a histogram only says where to look: with any of them the answer is that of sorting', () => {
    const random = seededRandom(15);
    const shapes: Record<string, (i: number) => number> = {
      uniform: () => random() - 0.5,
      'mostly zeros': () => (random() < 0.9 ? 0 : random() - 0.5),
      'one outlier': (i) => (i === 7 ? 1e30 : random() - 0.5),
      'two values': () => (random() < 0.5 ? -1 : 1),
      'all equal': () => 3.25,
      'signed zeros and NaN': (i) => [0, -0, Number.NaN, 1e-40, -1e-40, Number.POSITIVE_INFINITY][i % 6],
      'many of each': (i) => i % 17,
    };
    for (const [name, value] of Object.entries(shapes)) {
      for (const length of [1, 2, 100, 1025, 70_000]) {
        const values = Float32Array.from({ length }, (_, i) => value(i));
        const other = { sums: sumStats(values), bins: known(Float32Array.of(-5, 5), 16).bins };
        for (const share of [0, 0.01, 0.5, 0.99, 1]) {
          const expected = bySorting(values, share) + 0;
          for (const hint of [undefined, known(values, 1), known(values, 64), other]) {
            assert.equal(percentiles(values, [share], hint)[0], expected, `${length} of ${name}, ${share}`);
          }
        }
      }
    }
  });
});
