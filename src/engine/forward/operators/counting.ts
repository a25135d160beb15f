import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { dimension, expand } from '../values/broadcast';
import { isFloating } from '../values/elements';
import { numberOf, type Operand } from '../values/promotion';
import { dense, emptyTensor, StridedTensor, tensorOf } from '../values/stridedTensor';
import type { PyFloat } from '../values/values';
import { index } from './indexing';
import { reshape } from './shape';
import { define } from './table';

/** Values sorted into intervals, how many are in each, and rows as often as a count says. */

/** The first of the sorted edges that is not below the value; with `right`, that is above it. */
function placeOf(edges: ArrayLike<number>, value: number, right: boolean): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (right ? edges[middle] <= value : edges[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bucketize(run: Run, x: Operand, boundaries: StridedTensor, int32: boolean, right: boolean): StridedTensor {
  const edges = dense(run.budget, boundaries);
  const [values, shape] =
    x instanceof StridedTensor ? [dense(run.budget, x), x.shape] : [Float64Array.of(numberOf(x)), []];
  run.budget.compute(values.length * 20);
  const places = Float64Array.from(values, (value) => placeOf(edges, value, right));
  return tensorOf(run.budget, int32 ? 'int32' : 'int64', places, shape);
}
define('bucketize(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False)', bucketize);
define('bucketize(number self, Tensor boundaries, *, bool out_int32=False, bool right=False)', bucketize);

/** Values between min and max by equal bins, the last closed; where both are equal, those of the values. */
define(
  'histc(Tensor self, int bins=100, number min=0, number max=0)',
  (run, x: StridedTensor, bins: number, min: number | PyFloat, max: number | PyFloat) => {
    if (!isFloating(x.type) && x.type !== 'int64' && x.type !== 'int32')
      throw invalid('E_RUN_TYPE', `"histogram_cpu" not implemented for '${x.type}'`);
    if (bins <= 0) throw invalid('E_RUN_ARGUMENT', `torch.histc(): bins must be > 0, but got ${bins}`);
    const values = dense(run.budget, x);
    const out = emptyTensor(run.budget, x.type, [bins]);
    run.budget.compute(values.length * 4);
    let [low, high] = [numberOf(min), numberOf(max)];
    if (low === high && values.length > 0) {
      [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let i = 0; i < values.length; i++) [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])];
    }
    if (low === high) [low, high] = [low - 1, high + 1];
    if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
      throw invalid('E_RUN_ARGUMENT', `torch.histc: range of [${low}, ${high}] is not finite or max is below min`);
    const counts = out.storage.data;
    for (let i = 0; i < values.length; i++) {
      if (!(values[i] >= low && values[i] <= high)) continue;
      counts[Math.min(Math.floor(((values[i] - low) / (high - low)) * bins), bins - 1)]++;
    }
    return out;
  },
);

define(
  'bincount(Tensor self, Tensor? weights=None, int minlength=0)',
  (run, x: StridedTensor, weights: StridedTensor | null, least: number) => {
    if (isFloating(x.type) || x.type === 'bool' || x.rank !== 1)
      throw invalid('E_RUN_ARGUMENT', 'bincount only supports 1-d non-negative integral inputs.');
    if (weights !== null && weights.shape.join() !== x.shape.join())
      throw invalid('E_RUN_SHAPE', 'weights should be 1-d and have the same length as input');
    const values = dense(run.budget, x);
    const shares = weights === null ? undefined : dense(run.budget, weights);
    let size = least;
    for (let i = 0; i < values.length; i++) {
      if (values[i] < 0) throw invalid('E_RUN_ARGUMENT', 'bincount only supports 1-d non-negative integral inputs.');
      size = Math.max(size, values[i] + 1);
    }
    const type = weights === null ? 'int64' : weights.type === 'float32' ? 'float32' : 'float64';
    const out = emptyTensor(run.budget, type, [size]);
    run.budget.compute(values.length);
    for (let i = 0; i < values.length; i++) out.storage.data[values[i]] += shares === undefined ? 1 : shares[i];
    return out;
  },
);

/** How often each row of a dimension is repeated; without rows, their numbers. */
function repeatRows(run: Run, x: StridedTensor | null, repeats: StridedTensor, dim: number | null): StridedTensor {
  if (isFloating(repeats.type) || repeats.type === 'bool')
    throw invalid('E_RUN_TYPE', 'repeats has to be Long or Int tensor');
  if (x === null && repeats.rank !== 1)
    throw invalid('E_RUN_SHAPE', 'repeat_interleave only accept 1D vector as repeat');
  const times = dense(run.budget, repeats);
  let total = 0;
  for (let i = 0; i < times.length; i++) {
    if (times[i] < 0) throw invalid('E_RUN_ARGUMENT', 'repeats can not be negative');
    total += times[i];
  }
  const rows = emptyTensor(run.budget, 'int64', [total]);
  for (let i = 0, at = 0; i < times.length; at += times[i], i++) rows.storage.data.fill(i, at, at + times[i]);
  if (x === null) return rows;
  const flat = dim === null ? reshape(run, x, [-1]) : x;
  const d = dimension(dim ?? 0, flat.rank);
  if (repeats.rank !== 1 || flat.shape[d] !== times.length)
    throw invalid('E_RUN_SHAPE', 'repeats must have the same size as input along dim');
  return index(run, flat, [...new Array<null>(d).fill(null), rows]);
}
define('repeat_interleave(Tensor repeats, *, int? output_size=None)', (run, repeats: StridedTensor) =>
  repeatRows(run, null, repeats, null),
);
define(
  'repeat_interleave(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None)',
  (run, x: StridedTensor, repeats: StridedTensor, dim: number | null) =>
    repeats.count === 1
      ? repeatRows(
          run,
          x,
          expand(reshape(run, repeats, [1]), [dim === null ? x.count : x.shape[dimension(dim, x.rank)]]),
          dim,
        )
      : repeatRows(run, x, repeats, dim),
);
