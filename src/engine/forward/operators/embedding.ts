import { invalid } from '../../../core/errors';
import type { Run } from '../interpreter/run';
import { isFloating } from '../values/elements';
import { dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { PyTuple } from '../values/values';
import { define } from './table';

/** Rows of a table by index, and sums of such rows. */

export function embedding(run: Run, weight: StridedTensor, indices: StridedTensor): StridedTensor {
  if (indices.type !== 'int64' && indices.type !== 'int32') {
    throw invalid(
      'E_RUN_TYPE',
      `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ${indices.dtype} instead (while checking arguments for embedding)`,
    );
  }
  const [rows, width] = weight.shape;
  const table = dense(run.budget, weight);
  const ids = dense(run.budget, indices);
  const out = emptyTensor(run.budget, weight.type, [...indices.shape, width]);
  run.budget.compute(out.count);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (!(id >= 0 && id < rows))
      throw invalid('E_RUN_INDEX', 'index out of range in self', { found: String(id), expected: `0 to ${rows - 1}` });
    out.storage.data.set(table.subarray(id * width, (id + 1) * width), i * width);
  }
  return out;
}
define(
  'embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False)',
  (run, weight: StridedTensor, indices: StridedTensor) => embedding(run, weight, indices),
);
define(
  'embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float norm_type=2, bool scale_grad_by_freq=False, bool sparse=False)',
  (run, indices: StridedTensor, weight: StridedTensor, _padding: number | null, maxNorm: number | null) => {
    if (maxNorm !== null)
      throw invalid('E_RUN_ARGUMENT', 'embedding with max_norm changes its weights, which Quantscope does not do.');
    return embedding(run, weight, indices);
  },
  'functional',
);

type Optional = StridedTensor | null;

/** Bags of rows: sum, mean or max of those between two offsets. */
function embeddingBag(
  run: Run,
  weight: StridedTensor,
  indices: StridedTensor,
  offsets: Optional,
  mode: number,
  weights: Optional,
  includeLast: boolean,
  padding: number,
): StridedTensor {
  const rows = embedding(run, weight, indices);
  const width = weight.shape[1];
  const ids = dense(run.budget, indices);
  const starts =
    offsets === null
      ? Array.from({ length: indices.shape[0] }, (_, i) => i * indices.shape[1])
      : [...dense(run.budget, offsets)];
  if (offsets !== null && includeLast) starts.pop();
  const ends = starts.map((_, i) => starts[i + 1] ?? ids.length);
  const out = emptyTensor(run.budget, weight.type, [starts.length, width]);
  const scale = weights === null ? undefined : dense(run.budget, weights);
  if (!isFloating(weight.type) || (mode === 2 && scale !== undefined))
    throw invalid('E_RUN_ARGUMENT', 'embedding_bag: per_sample_weights need mode "sum"');
  for (const [bag, start] of starts.entries()) {
    if (!(start >= 0 && start <= ids.length && ends[bag] >= start))
      throw invalid('E_RUN_INDEX', `offsets must rise and stay below ${ids.length}`);
    let count = 0;
    for (let i = start; i < ends[bag]; i++) {
      if (ids[i] === padding) continue;
      for (let k = 0; k < width; k++) {
        const value = rows.storage.data[i * width + k] * (scale === undefined ? 1 : scale[i]);
        const at = bag * width + k;
        if (mode === 2) out.storage.data[at] = count === 0 ? value : Math.max(out.storage.data[at], value);
        else out.storage.data[at] += value;
      }
      count++;
    }
    if (mode === 1 && count > 0) for (let k = 0; k < width; k++) out.storage.data[bag * width + k] /= count;
  }
  return out;
}
define(
  'embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None)',
  (
    run,
    weight: StridedTensor,
    indices: StridedTensor,
    offsets: StridedTensor,
    _scale: boolean,
    mode: number,
    _sparse: boolean,
    weights: Optional,
    last: boolean,
    padding: number | null,
  ) => {
    const out = embeddingBag(run, weight, indices, offsets, mode, weights, last, padding ?? -1);
    const none = emptyTensor(run.budget, 'int64', [0]);
    return new PyTuple([out, none, none, none]);
  },
);
const modes: Readonly<Record<string, number>> = { sum: 0, mean: 1, max: 2 };
define(
  'embedding_bag(Tensor input, Tensor weight, Tensor? offsets=None, float? max_norm=None, float norm_type=2, bool scale_grad_by_freq=False, str mode="mean", bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None)',
  (
    run,
    indices: StridedTensor,
    weight: StridedTensor,
    offsets: Optional,
    _max: number | null,
    _type: number,
    _scale: boolean,
    mode: string,
    _sparse: boolean,
    weights: Optional,
    last: boolean,
    padding: number | null,
  ) => embeddingBag(run, weight, indices, offsets, modes[mode] ?? 1, weights, last, padding ?? -1),
  'functional',
);
