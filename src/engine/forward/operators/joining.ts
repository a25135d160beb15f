import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dimension } from '../values/broadcast';
import { promoteTypes } from '../values/promotion';
import { clone, dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { PyTuple } from '../values/values';
import { narrow, select, unsqueeze } from './shape';
import { alias, define } from './table';

/** Tensors joined to one, and one cut into pieces. */

/** Tensors one after the other along a dimension; legacy empty [0] tensors are skipped. */
export function cat(run: Run, tensors: readonly StridedTensor[], dim: number): StridedTensor {
  if (tensors.length === 0) throw invalid('E_RUN_SHAPE', 'torch.cat(): expected a non-empty list of Tensors');
  const parts = tensors.filter(({ shape }) => !(shape.length === 1 && shape[0] === 0));
  if (parts.length === 0) return clone(run.budget, tensors[0]);
  const [{ shape: first, rank }] = parts;
  const d = dimension(dim, rank);
  const mismatch = parts.find(
    ({ shape }) => shape.length !== rank || shape.some((size, i) => i !== d && size !== first[i]),
  );
  if (mismatch !== undefined || rank === 0) {
    throw invalid('E_RUN_SHAPE', `Sizes of tensors must match except in dimension ${d}.`, {
      found: parts
        .map(({ shape }) => `[${shape.join(', ')}]`)
        .join(', ')
        .slice(0, 200),
      expected: `equal sizes but for dimension ${d}`,
    });
  }
  const type = tensors.map((one) => one.type).reduce(promoteTypes);
  const total = parts.reduce((sum, { shape }) => sum + shape[d], 0);
  const shape = first.map((size, i) => (i === d ? total : size));
  const out = emptyTensor(run.budget, type, shape);
  run.budget.compute(out.count);
  const inner = numel(first.slice(d + 1));
  const outer = numel(first.slice(0, d));
  let at = 0;
  for (const part of parts) {
    const values = dense(run.budget, part);
    const length = part.shape[d] * inner;
    for (let o = 0; o < outer; o++)
      out.storage.data.set(values.subarray(o * length, (o + 1) * length), o * total * inner + at);
    at += length;
  }
  return out;
}

/** Pieces of the given sizes along a dimension, as views. */
function splitSizes(x: StridedTensor, sizes: readonly number[], dim: number): StridedTensor[] {
  const d = dimension(dim, x.rank);
  let at = 0;
  const pieces = sizes.map((size) => {
    const piece = narrow(x, d, at, size);
    at += size;
    return piece;
  });
  if (at !== x.shape[d]) {
    throw invalid(
      'E_RUN_SHAPE',
      `split_with_sizes expects split_sizes to sum exactly to ${x.shape[d]}, but got [${sizes.join(', ')}]`,
    );
  }
  return pieces;
}

function splitEvery(run: Run, x: StridedTensor, size: number, dim: number): StridedTensor[] {
  const total = x.shape[dimension(dim, x.rank)];
  if (size <= 0 && total > 0) throw invalid('E_RUN_SHAPE', `split expects split_size be positive, but got ${size}`);
  run.budget.items(total / Math.max(size, 1));
  const sizes = [];
  for (let at = 0; at < total; at += size) sizes.push(Math.min(size, total - at));
  return splitSizes(x, sizes.length === 0 ? [0] : sizes, dim);
}

/** At most `chunks` equal pieces; the last may be smaller. */
export function chunk(run: Run, x: StridedTensor, chunks: number, dim: number): StridedTensor[] {
  if (chunks <= 0) throw invalid('E_RUN_SHAPE', `chunk expects \`chunks\` to be greater than 0, got: ${chunks}`);
  return splitEvery(run, x, Math.max(Math.ceil(x.shape[dimension(dim, x.rank)] / chunks), 1), dim);
}

/** Tensors of one shape along a new dimension. */
export function stack(run: Run, tensors: readonly StridedTensor[], dim: number): StridedTensor {
  return cat(
    run,
    tensors.map((one) => unsqueeze(one, dim)),
    tensors.length > 0 ? dimension(dim, tensors[0].rank + 1) : 0,
  );
}

const join = (run: Run, tensors: StridedTensor[], dim: number) => cat(run, tensors, dim);
define('cat(Tensor[] tensors, int dim=0)', join);
define('cat(Tensor[] tensors, *, int axis)', join);
alias('concat', 'cat');
alias('concatenate', 'cat');
define('stack(Tensor[] tensors, int dim=0)', stack);
define('hstack(Tensor[] tensors)', (run, tensors: StridedTensor[]) =>
  cat(run, tensors, tensors[0]?.rank === 1 ? 0 : 1),
);
define('vstack(Tensor[] tensors)', (run, tensors: StridedTensor[]) =>
  cat(
    run,
    tensors.map((one) => (one.rank === 1 ? unsqueeze(one, 0) : one)),
    0,
  ),
);
define(
  'split(Tensor self, int split_size, int dim=0)',
  (run, x: StridedTensor, size: number, dim: number) => new PyTuple(splitEvery(run, x, size, dim)),
);
define(
  'split(Tensor self, int[] split_size, int dim=0)',
  (_run, x: StridedTensor, sizes: number[], dim: number) => new PyTuple(splitSizes(x, sizes, dim)),
);
define(
  'split_with_sizes(Tensor self, int[] split_sizes, int dim=0)',
  (_run, x: StridedTensor, sizes: number[], dim: number) => new PyTuple(splitSizes(x, sizes, dim)),
);
define(
  'chunk(Tensor self, int chunks, int dim=0)',
  (run, x: StridedTensor, chunks: number, dim: number) => new PyTuple(chunk(run, x, chunks, dim)),
);
define('unbind(Tensor self, int dim=0)', (run, x: StridedTensor, dim: number) => {
  const d = dimension(dim, x.rank);
  run.budget.items(x.shape[d]);
  return new PyTuple(Array.from({ length: x.shape[d] }, (_, i) => select(x, d, i)));
});

for (const name of ['chunk', 'split', 'split_with_sizes']) alias(`unsafe_${name}`, name);
