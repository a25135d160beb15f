import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { dimension } from '../values/broadcast';
import { dense, emptyTensor, type StridedTensor, tensorOf } from '../values/stridedTensor';
import { PyTuple } from '../values/values';
import { slice, transpose } from './shape';
import { define } from './table';

/** Order along a dimension; equal values keep theirs. */

function order(run: Run, x: StridedTensor, dim: number, descending: boolean): [StridedTensor, StridedTensor] {
  if (x.rank === 0) return [x, emptyTensor(run.budget, 'int64', [])];
  const d = dimension(dim, x.rank);
  const moved = transpose(x, d, -1);
  const values = dense(run.budget, moved);
  const length = moved.shape.at(-1) as number;
  const sorted = emptyTensor(run.budget, x.type, moved.shape);
  const indices = emptyTensor(run.budget, 'int64', moved.shape);
  run.budget.compute(values.length * (Math.log2(length + 1) + 1) * 4);
  const compare = (a: number, b: number): number => {
    // NaN is the largest, as in PyTorch.
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return a - b;
  };
  for (let start = 0; start < values.length; start += length) {
    const positions = Array.from({ length }, (_, i) => i);
    positions.sort(
      (i, j) =>
        (descending ? compare(values[start + j], values[start + i]) : compare(values[start + i], values[start + j])) ||
        i - j,
    );
    for (let i = 0; i < length; i++) {
      sorted.storage.data[start + i] = values[start + positions[i]];
      indices.storage.data[start + i] = positions[i];
    }
  }
  return [transpose(sorted, d, -1), transpose(indices, d, -1)];
}

const pair = (values: StridedTensor, indices: StridedTensor, name: string) =>
  new PyTuple([values, indices], ['values', 'indices'], name);
define(
  'sort(Tensor self, int dim=-1, bool descending=False)',
  (run, x: StridedTensor, dim: number, descending: boolean) => pair(...order(run, x, dim, descending), 'sort'),
);
define(
  'sort(Tensor self, *, bool? stable=None, int dim=-1, bool descending=False)',
  (run, x: StridedTensor, _stable: boolean | null, dim: number, descending: boolean) =>
    pair(...order(run, x, dim, descending), 'sort'),
);
define(
  'argsort(Tensor self, int dim=-1, bool descending=False, bool stable=False)',
  (run, x: StridedTensor, dim: number, descending: boolean) => order(run, x, dim, descending)[1],
);
define(
  'topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True)',
  (run, x: StridedTensor, k: number, dim: number, largest: boolean) => {
    const d = dimension(dim, x.rank);
    if (!(k >= 0 && k <= (x.shape[d] ?? 1))) throw invalid('E_RUN_INDEX', 'selected index k out of range');
    const [values, indices] = order(run, x, dim, largest);
    if (x.rank === 0) return pair(values, indices, 'topk');
    return pair(slice(values, d, 0, k, 1), slice(indices, d, 0, k, 1), 'topk');
  },
);
define('median(Tensor self)', (run, x: StridedTensor) => {
  const sorted = Float64Array.from(dense(run.budget, x)).sort();
  return tensorOf(run.budget, x.type, [sorted[Math.floor((sorted.length - 1) / 2)]], []);
});
define('unique_consecutive(Tensor self)', (run, x: StridedTensor) => {
  const values = [...dense(run.budget, x)].filter((value, i, all) => i === 0 || value !== all[i - 1]);
  return tensorOf(run.budget, x.type, values, [values.length]);
});
define('unique(Tensor self, bool sorted=True)', (run, x: StridedTensor) => {
  const values = [...new Set(dense(run.budget, x))].sort((a, b) => a - b);
  return tensorOf(run.budget, x.type, values, [values.length]);
});
