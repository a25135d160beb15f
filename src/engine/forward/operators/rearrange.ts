import { invalid } from '../../../core/errors';
import { contiguousStrides } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dimension, expand } from '../values/broadcast';
import { elementType, newElements } from '../values/elements';
import { cast, clone, dense, emptyTensor, StridedTensor, scatter } from '../values/stridedTensor';
import type { Value } from '../values/values';
import { cat } from './joining';
import { permute, reshape, slice, transpose, unsqueeze } from './shape';
import { alias, define } from './table';

/** Values in another order or more than once, and tensors that are overwritten as a whole. */

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
  'repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None)',
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
  (run, given: StridedTensor, shifts: number[], dims: number[]) => {
    const all = dims.length === 0;
    let x = all ? reshape(run, given, [-1]) : given;
    for (const [i, shift] of shifts.entries()) {
      const d = all ? 0 : dimension(dims[i], x.rank);
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
define('copy_(Tensor self, Tensor src, bool non_blocking=False)', (run, x: StridedTensor, source: StridedTensor) => {
  scatter(run.budget, x, dense(run.budget, expand(source, x.shape)));
  return x;
});
define('copy(Tensor self, Tensor src, bool non_blocking=False)', (run, x: StridedTensor, source: StridedTensor) =>
  clone(run.budget, cast(run.budget, expand(source, x.shape), x.dtype)),
);
define('copy_(Tensor self, number other)', fill);
define('fill_(Tensor self, any value)', fill);

/** One number in every place. */
function fill(run: Run, x: StridedTensor, value: Value): StridedTensor {
  const number =
    value instanceof StridedTensor
      ? value.storage.data[value.offset]
      : Number(typeof value === 'object' && value !== null && 'value' in value ? value.value : value);
  scatter(run.budget, x, newElements('float64', x.count).fill(number));
  return x;
}
define('zero_(Tensor self)', (run, x: StridedTensor) => {
  scatter(run.budget, x, newElements(elementType(x.dtype), x.count));
  return x;
});
