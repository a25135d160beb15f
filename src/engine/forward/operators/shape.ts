import { invalid } from '../../../core/errors';
import { contiguousStrides, numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { toTheEnd } from '../syntax/limits';
import { broadcastShapes, dimension, expand, inferSize, reshapeStrides } from '../values/broadcast';
import { elementType, newElements } from '../values/elements';
import { promoteTypes } from '../values/promotion';
import { clone, contiguous, dense, emptyTensor, StridedTensor, scatter, viewOf } from '../values/stridedTensor';
import { PyList, PyTuple, type Value } from '../values/values';
import { alias, define } from './table';

/** Views and joins: what changes a tensor's shape and not its values. */

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
  'requires_grad_',
  'conj',
  'resolve_conj',
  'real',
  'lift_fresh',
  'lift_fresh_copy',
  'data',
]) {
  define(`${name}(Tensor self)`, (_run, x: StridedTensor) => x);
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

define('repeat(Tensor self, int[] repeats)', (run, x: StridedTensor, repeats: number[]) => {
  const lead = repeats.length - x.rank;
  if (lead < 0 || repeats.some((times) => times < 0)) {
    throw invalid(
      'E_RUN_SHAPE',
      'Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor',
    );
  }
  const sizes = repeats.map((_, d) => (d < lead ? 1 : x.shape[d - lead]));
  const out = emptyTensor(
    run.budget,
    x.type,
    sizes.map((size, d) => size * repeats[d]),
  );
  const spread = expand(
    reshape(
      run,
      x,
      sizes.flatMap((size) => [1, size]),
    ),
    sizes.flatMap((size, d) => [repeats[d], size]),
  );
  scatter(run.budget, out, dense(run.budget, spread));
  return out;
});
alias('tile', 'repeat');
define(
  'repeat_interleave(Tensor self, int repeats, int? dim=None)',
  (run, x: StridedTensor, times: number, dim: number | null) => {
    const flat = dim === null ? reshape(run, x, [-1]) : x;
    const d = dim === null ? 0 : dimension(dim, x.rank);
    const spread = unsqueeze(flat, d + 1);
    const sizes = spread.shape.map((size, i) => (i === d + 1 ? times : size));
    return reshape(
      run,
      expand(spread, sizes),
      flat.shape.map((size, i) => (i === d ? size * times : size)),
    );
  },
);
define('flip(Tensor self, int[] dims)', (run, x: StridedTensor, dims: number[]) => {
  const flipped = new Set(dims.map((d) => dimension(d, x.rank)));
  const values = dense(run.budget, x);
  const out = emptyTensor(run.budget, x.type, x.shape);
  const steps = contiguousStrides(x.shape);
  run.budget.compute(out.count * x.rank);
  for (let i = 0; i < values.length; i++) {
    let from = 0;
    for (let d = 0; d < steps.length; d++) {
      const at = Math.floor(i / steps[d]) % x.shape[d];
      from += (flipped.has(d) ? x.shape[d] - 1 - at : at) * steps[d];
    }
    out.storage.data[i] = values[from];
  }
  return out;
});
define(
  'roll(Tensor self, int[1] shifts, int[1] dims=[])',
  (run, given: StridedTensor, shifts: number[], dims: number[] | null | string) => {
    const all = !Array.isArray(dims) || dims.length === 0;
    let x = all ? reshape(run, given, [-1]) : given;
    for (const [i, shift] of shifts.entries()) {
      const d = all ? 0 : dimension((dims as number[])[i], x.rank);
      const size = x.shape[d];
      if (size === 0) continue;
      const by = ((shift % size) + size) % size;
      if (by !== 0) x = cat(run, [slice(x, d, size - by, null, 1), slice(x, d, 0, size - by, 1)], d);
    }
    return all ? reshape(run, x, given.shape) : x;
  },
);
for (const [name, lower] of [
  ['tril', true],
  ['triu', false],
] as const) {
  const triangle = (run: Run, x: StridedTensor, diagonal: number) => {
    const out = clone(run.budget, x);
    const [rows, columns] = x.shape.slice(-2);
    run.budget.compute(out.count);
    for (let i = 0; i < out.count; i++) {
      const row = Math.floor(i / columns) % rows;
      const beyond = (i % columns) - row;
      if (lower ? beyond > diagonal : beyond < diagonal) out.storage.data[i] = 0;
    }
    return out;
  };
  define(`${name}(Tensor self, int diagonal=0)`, triangle);
}
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
define('pixel_shuffle(Tensor self, int upscale_factor)', (run, x: StridedTensor, r: number) => {
  const [channels, height, width] = x.shape.slice(-3);
  const lead = x.shape.slice(0, -3);
  const n = lead.length;
  const parts = reshape(run, x, [...lead, channels / (r * r), r, r, height, width]);
  const order = [...lead.map((_, d) => d), n, n + 3, n + 1, n + 4, n + 2];
  return reshape(run, permute(parts, order), [...lead, channels / (r * r), height * r, width * r]);
});
define('pixel_unshuffle(Tensor self, int downscale_factor)', (run, x: StridedTensor, r: number) => {
  const [channels, height, width] = x.shape.slice(-3);
  const lead = x.shape.slice(0, -3);
  const n = lead.length;
  const parts = reshape(run, x, [...lead, channels, height / r, r, width / r, r]);
  const order = [...lead.map((_, d) => d), n, n + 2, n + 4, n + 1, n + 3];
  return reshape(run, permute(parts, order), [...lead, channels * r * r, height / r, width / r]);
});
define('channel_shuffle(Tensor self, int groups)', (run, x: StridedTensor, groups: number) => {
  const [batch, channels, ...rest] = x.shape;
  return reshape(run, transpose(reshape(run, x, [batch, groups, channels / groups, ...rest]), 1, 2), x.shape);
});
define('copy_(Tensor self, Tensor src)', (run, x: StridedTensor, source: StridedTensor) => {
  scatter(run.budget, x, dense(run.budget, expand(source, x.shape)));
  return x;
});
define('fill_(Tensor self, any value)', (run, x: StridedTensor, value: Value) => {
  const fill =
    value instanceof StridedTensor
      ? value.storage.data[value.offset]
      : Number(typeof value === 'object' && value !== null && 'value' in value ? value.value : value);
  scatter(run.budget, x, newElements('float64', x.count).fill(fill));
  return x;
});
define('zero_(Tensor self)', (run, x: StridedTensor) => {
  scatter(run.budget, x, newElements(elementType(x.dtype), x.count));
  return x;
});
for (const name of ['chunk', 'split', 'split_with_sizes']) alias(`unsafe_${name}`, name);
