import { invalid } from '../../../core/errors';
import { contiguousStrides, numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { toTheEnd } from '../syntax/limits';
import { broadcastShapes, dimension, expand, inferSize, reshapeStrides } from '../values/broadcast';
import { clone, contiguous, type StridedTensor, viewOf } from '../values/stridedTensor';
import { PyList, type Value } from '../values/values';
import { alias, define } from './table';

/** Views: what changes a tensor’s shape and not its values. */

/** view(): never copies. */
export function view(x: StridedTensor, sizes: readonly number[]): StridedTensor {
  const shape = inferSize(sizes, x.count);
  const strides = reshapeStrides(x, shape);
  if (strides === undefined) {
    throw invalid(
      'E_RUN_SHAPE',
      "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
    );
  }
  return viewOf(x, shape, strides, x.offset);
}

/** reshape(): a view where strides allow one, else a copy. */
export function reshape(run: Run, x: StridedTensor, sizes: readonly number[]): StridedTensor {
  const shape = inferSize(sizes, x.count);
  const strides = reshapeStrides(x, shape);
  if (strides !== undefined) return viewOf(x, shape, strides, x.offset);
  return viewOf(contiguous(run.budget, x), shape, contiguousStrides(shape), 0);
}

export function permute(x: StridedTensor, dims: readonly number[]): StridedTensor {
  const order = dims.map((d) => dimension(d, x.rank));
  if (order.length !== x.rank || new Set(order).size !== order.length) {
    throw invalid(
      'E_RUN_DIM',
      `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${x.rank} is not equal to len(dims) = ${dims.length}`,
    );
  }
  return viewOf(
    x,
    order.map((d) => x.shape[d]),
    order.map((d) => x.strides[d]),
    x.offset,
  );
}

export function transpose(x: StridedTensor, a: number, b: number): StridedTensor {
  const [p, q] = [dimension(a, x.rank), dimension(b, x.rank)];
  const order = x.shape.map((_, d) => (d === p ? q : d === q ? p : d));
  return viewOf(
    x,
    order.map((d) => x.shape[d]),
    order.map((d) => x.strides[d]),
    x.offset,
  );
}

export function unsqueeze(x: StridedTensor, dim: number): StridedTensor {
  const d = dimension(dim, x.rank + 1);
  const stride = d < x.rank ? x.shape[d] * x.strides[d] : 1;
  return viewOf(
    x,
    [...x.shape.slice(0, d), 1, ...x.shape.slice(d)],
    [...x.strides.slice(0, d), stride, ...x.strides.slice(d)],
    x.offset,
  );
}

export function squeeze(x: StridedTensor, dims: readonly number[] | null): StridedTensor {
  const chosen = dims === null ? undefined : new Set(dims.map((d) => dimension(d, x.rank)));
  const kept = x.shape.map((_, d) => d).filter((d) => x.shape[d] !== 1 || (chosen !== undefined && !chosen.has(d)));
  return viewOf(
    x,
    kept.map((d) => x.shape[d]),
    kept.map((d) => x.strides[d]),
    x.offset,
  );
}

/** x[…, start:end:step, …]: both ends clamp. */
export function slice(
  x: StridedTensor,
  dim: number,
  start: number | null,
  end: number | null,
  step: number,
): StridedTensor {
  const d = dimension(dim, x.rank);
  if (x.rank === 0) throw invalid('E_RUN_DIM', 'slice() cannot be applied to a 0-dim tensor.');
  if (step <= 0) throw invalid('E_RUN_INDEX', 'step must be greater than zero');
  const size = x.shape[d];
  const clampIndex = (index: number) => Math.min(Math.max(index < 0 ? index + size : index, 0), size);
  const from = clampIndex(start ?? 0);
  const to = Math.max(clampIndex(end ?? toTheEnd), from);
  const shape = x.shape.map((s, i) => (i === d ? Math.ceil((to - from) / step) : s));
  const strides = x.strides.map((s, i) => (i === d ? s * step : s));
  return viewOf(x, shape, strides, x.offset + from * x.strides[d]);
}

export function select(x: StridedTensor, dim: number, index: number): StridedTensor {
  if (x.rank === 0) throw invalid('E_RUN_INDEX', 'select() cannot be applied to a 0-dim tensor.');
  const d = dimension(dim, x.rank);
  const size = x.shape[d];
  if (!(index >= -size && index < size)) {
    throw invalid('E_RUN_INDEX', `index ${index} is out of bounds for dimension ${d} with size ${size}`);
  }
  const at = index < 0 ? index + size : index;
  const without = (list: readonly number[]) => [...list.slice(0, d), ...list.slice(d + 1)];
  return viewOf(x, without(x.shape), without(x.strides), x.offset + at * x.strides[d]);
}

export function narrow(x: StridedTensor, dim: number, start: number, length: number): StridedTensor {
  const d = dimension(dim, x.rank);
  const from = start < 0 ? start + x.shape[d] : start;
  if (from < 0 || length < 0 || from + length > x.shape[d]) {
    throw invalid('E_RUN_INDEX', `start (${start}) + length (${length}) exceeds dimension size (${x.shape[d]}).`);
  }
  return slice(x, d, from, from + length, 1);
}

define('view(Tensor self, int[] size)', (_run, x: StridedTensor, size: number[]) => view(x, size));
define('reshape(Tensor self, int[] shape)', reshape);
define('view_as(Tensor self, Tensor other)', (_run, x: StridedTensor, other: StridedTensor) => view(x, other.shape));
define('reshape_as(Tensor self, Tensor other)', (run, x: StridedTensor, other: StridedTensor) =>
  reshape(run, x, other.shape),
);
define('flatten(Tensor self, int start_dim=0, int end_dim=-1)', (run, x: StridedTensor, start: number, end: number) => {
  if (x.rank === 0) return reshape(run, x, [1]);
  const [from, to] = [dimension(start, x.rank), dimension(end, x.rank)];
  return reshape(run, x, [...x.shape.slice(0, from), numel(x.shape.slice(from, to + 1)), ...x.shape.slice(to + 1)]);
});
define('unflatten(Tensor self, int dim, int[] sizes)', (run, x: StridedTensor, dim: number, sizes: number[]) => {
  const d = dimension(dim, x.rank);
  return reshape(run, x, [...x.shape.slice(0, d), ...inferSize(sizes, x.shape[d]), ...x.shape.slice(d + 1)]);
});
define('permute(Tensor self, int[] dims)', (_run, x: StridedTensor, dims: number[]) => permute(x, dims));
define('transpose(Tensor self, int dim0, int dim1)', (_run, x: StridedTensor, a: number, b: number) =>
  transpose(x, a, b),
);
alias('swapaxes', 'transpose');
alias('swapdims', 'transpose');
define('t(Tensor self)', (_run, x: StridedTensor) => (x.rank < 2 ? x : transpose(x, 0, 1)));
define('numpy_T(Tensor self)', (_run, x: StridedTensor) =>
  permute(
    x,
    x.shape.map((_, d) => x.rank - 1 - d),
  ),
);
define('movedim(Tensor self, int source, int destination)', (_run, x: StridedTensor, from: number, to: number) => {
  const order = x.shape.map((_, d) => d);
  const [moved] = order.splice(dimension(from, x.rank), 1);
  order.splice(dimension(to, x.rank), 0, moved);
  return permute(x, order);
});
define('unsqueeze(Tensor self, int dim)', (_run, x: StridedTensor, dim: number) => unsqueeze(x, dim));
define('squeeze(Tensor self)', (_run, x: StridedTensor) => squeeze(x, null));
define('squeeze(Tensor self, int[1] dim)', (_run, x: StridedTensor, dims: number[]) => squeeze(x, dims));
define(
  'slice(Tensor self, int dim=0, int? start=None, int? end=None, int step=1)',
  (_run, x: StridedTensor, dim: number, start: number | null, end: number | null, step: number) =>
    slice(x, dim, start, end, step),
);
define('select(Tensor self, int dim, int index)', (_run, x: StridedTensor, dim: number, index: number) =>
  select(x, dim, index),
);
define(
  'narrow(Tensor self, int dim, int start, int length)',
  (_run, x: StridedTensor, dim: number, start: number, length: number) => narrow(x, dim, start, length),
);
define('expand(Tensor self, int[] size, *, bool implicit=False)', (_run, x: StridedTensor, sizes: number[]) =>
  expand(x, sizes),
);
define('expand_as(Tensor self, Tensor other)', (_run, x: StridedTensor, other: StridedTensor) =>
  expand(x, other.shape),
);
define('broadcast_to(Tensor self, int[] size)', (_run, x: StridedTensor, sizes: number[]) => expand(x, sizes));
define('broadcast_tensors(rest tensors)', (_run, given: Value[]) => {
  const tensors = (given.length === 1 && given[0] instanceof PyList ? given[0].items : given) as StridedTensor[];
  const shape = broadcastShapes(...tensors.map((one) => one.shape));
  return new PyList(tensors.map((one) => expand(one, shape)));
});
define('contiguous(Tensor self)', (run, x: StridedTensor) => contiguous(run.budget, x));
define('contiguous(Tensor self, any memory_format)', (run, x: StridedTensor) => contiguous(run.budget, x));
define('clone(Tensor self)', (run, x: StridedTensor) => clone(run.budget, x));
define('clone(Tensor self, any memory_format)', (run, x: StridedTensor) => clone(run.budget, x));
define('detach(Tensor self)', (_run, x: StridedTensor) => x);
for (const name of [
  'detach_',
  'cpu',
  'cuda',
  'alias',
  'positive',
  'conj',
  'resolve_conj',
  'real',
  'lift_fresh',
  'lift_fresh_copy',
  'data',
]) {
  define(`${name}(Tensor self)`, (_run, x: StridedTensor) => x);
}

define('requires_grad_(Tensor self, bool requires_grad=True)', (_run, x: StridedTensor) => x);

define(
  'diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1)',
  (_run, x: StridedTensor, offset: number, a: number, b: number) => {
    const [p, q] = [dimension(a, x.rank), dimension(b, x.rank)];
    const length = Math.max(0, Math.min(x.shape[p] + Math.min(offset, 0), x.shape[q] - Math.max(offset, 0)));
    const kept = x.shape.map((_, d) => d).filter((d) => d !== p && d !== q);
    const start = x.offset + (offset >= 0 ? offset * x.strides[q] : -offset * x.strides[p]);
    return viewOf(
      x,
      [...kept.map((d) => x.shape[d]), length],
      [...kept.map((d) => x.strides[d]), x.strides[p] + x.strides[q]],
      start,
    );
  },
);
define(
  'unfold(Tensor self, int dimension, int size, int step)',
  (_run, x: StridedTensor, dim: number, size: number, step: number) => {
    const d = dimension(dim, x.rank);
    if (size > x.shape[d] || step <= 0)
      throw invalid('E_RUN_SHAPE', `maximum size for tensor at dimension ${d} is ${x.shape[d]} but size is ${size}`);
    const windows = Math.floor((x.shape[d] - size) / step) + 1;
    return viewOf(
      x,
      [...x.shape.map((s, i) => (i === d ? windows : s)), size],
      [...x.strides.map((s, i) => (i === d ? s * step : s)), x.strides[d]],
      x.offset,
    );
  },
);
define(
  'as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None)',
  (_run, x: StridedTensor, size: number[], stride: number[], offset: number | null) => {
    const start = offset ?? x.offset;
    const last = size.reduce((at, length, d) => at + Math.max(length - 1, 0) * stride[d], start);
    const negative = [...size, ...stride, start].some((one) => one < 0);
    if (negative || size.length !== stride.length || (numel(size) > 0 && last >= x.storage.data.length)) {
      throw invalid('E_RUN_SHAPE', 'as_strided would reach outside the storage.');
    }
    return viewOf(x, size, stride, start);
  },
);
