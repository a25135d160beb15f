import type { DType } from '../../../core/dtype';
import { invalid, unsupported } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dimension } from '../values/broadcast';
import { category, type ElementType, elementType, isFloating } from '../values/elements';
import { numberOf } from '../values/promotion';
import { cast, dense, emptyTensor, type StridedTensor, viewOf } from '../values/stridedTensor';
import { type PyFloat, PyTuple } from '../values/values';
import { arithmetic } from './arithmetic';
import { define } from './table';

/** Sums, means, extremes and norms over dimensions; sums are kept in double. */

/** A tensor seen as [rows, reduced]: the reduced dimensions last and dense. */
export interface Rows {
  readonly values: ArrayLike<number>;
  readonly rows: number;
  readonly length: number;
  /** Shape of the result, with sizes of 1 kept or not. */
  readonly shape: readonly number[];
}

/** Brings the dimensions `dims` (none: all) to the end and makes them dense. */
function reducedRows(run: Run, x: StridedTensor, dims: readonly number[] | null, keepdim: boolean): Rows {
  const all = dims === null || dims.length === 0;
  const reduced = new Set(all ? x.shape.map((_, d) => d) : dims.map((d) => dimension(d, x.rank)));
  const kept = x.shape.map((_, d) => d).filter((d) => !reduced.has(d));
  const order = [...kept, ...[...reduced].filter((d) => d < x.rank).sort((a, b) => a - b)];
  const moved = viewOf(
    x,
    order.map((d) => x.shape[d]),
    order.map((d) => x.strides[d]),
    x.offset,
  );
  const shape = keepdim ? x.shape.map((size, d) => (reduced.has(d) ? 1 : size)) : kept.map((d) => x.shape[d]);
  run.budget.compute(x.count);
  const rows = numel(kept.map((d) => x.shape[d]));
  const length = numel([...reduced].filter((d) => d < x.rank).map((d) => x.shape[d]));
  return { values: dense(run.budget, moved), rows, length, shape };
}

/** One number a row. */
export function reduce(
  run: Run,
  x: StridedTensor,
  dims: readonly number[] | null,
  keepdim: boolean,
  type: ElementType,
  f: (values: ArrayLike<number>, start: number, end: number) => number,
): StridedTensor {
  const { values, rows, length, shape } = reducedRows(run, x, dims, keepdim);
  const out = emptyTensor(run.budget, type, shape);
  for (let row = 0; row < rows; row++) out.storage.data[row] = f(values, row * length, (row + 1) * length);
  return out;
}

function sumOf(values: ArrayLike<number>, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i];
  return sum;
}

const sumType = (x: StridedTensor, dtype: DType | null): ElementType =>
  dtype !== null ? elementType(dtype) : isFloating(x.type) ? x.type : 'int64';

function sum(run: Run, x: StridedTensor, dims: number[] | null, keepdim: boolean, dtype: DType | null): StridedTensor {
  return reduce(run, x, dims, keepdim, sumType(x, dtype), sumOf);
}
define('sum(Tensor self, *, dtype? dtype=None)', (run, x: StridedTensor, dtype: DType | null) =>
  sum(run, x, null, false, dtype),
);
define('sum(Tensor self, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None)', sum);

function mean(
  run: Run,
  given: StridedTensor,
  dims: number[] | null,
  keepdim: boolean,
  dtype: DType | null,
): StridedTensor {
  const x = dtype === null ? given : cast(run.budget, given, dtype);
  if (!isFloating(x.type)) {
    throw invalid(
      'E_RUN_TYPE',
      `mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: ${x.dtype}`,
    );
  }
  return reduce(run, x, dims, keepdim, x.type, (values, start, end) => sumOf(values, start, end) / (end - start));
}
define('mean(Tensor self, *, dtype? dtype=None)', (run, x: StridedTensor, dtype: DType | null) =>
  mean(run, x, null, false, dtype),
);
define('mean(Tensor self, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None)', mean);

function variance(values: ArrayLike<number>, start: number, end: number, correction: number): number {
  const count = end - start;
  const average = sumOf(values, start, end) / count;
  let squares = 0;
  for (let i = start; i < end; i++) squares += (values[i] - average) ** 2;
  return squares / Math.max(count - correction, 0);
}
for (const [name, f] of [
  ['var', (v: number) => v],
  ['std', Math.sqrt],
] as const) {
  const run1 = (run: Run, x: StridedTensor, dims: number[] | null, correction: number, keepdim: boolean) =>
    reduce(run, x, dims, keepdim, x.type, (values, start, end) => f(variance(values, start, end, correction)));
  define(`${name}(Tensor self, bool unbiased=True)`, (run, x: StridedTensor, unbiased: boolean) =>
    run1(run, x, null, Number(unbiased), false),
  );
  define(
    `${name}(Tensor self, int[1]? dim=None, bool unbiased=True, bool keepdim=False)`,
    (run, x: StridedTensor, dims: number[] | null, unbiased: boolean, keepdim: boolean) =>
      run1(run, x, dims, Number(unbiased), keepdim),
  );
  define(
    `${name}(Tensor self, int[1]? dim=None, *, float? correction=1, bool keepdim=False)`,
    (run, x: StridedTensor, dims: number[] | null, correction: number | null, keepdim: boolean) =>
      run1(run, x, dims, correction ?? 1, keepdim),
  );
}
define(
  'var_mean(Tensor self, int[1]? dim=None, bool unbiased=True, bool keepdim=False)',
  (run, x: StridedTensor, dims: number[] | null, unbiased: boolean, keepdim: boolean) =>
    new PyTuple([
      reduce(run, x, dims, keepdim, x.type, (values, start, end) => variance(values, start, end, Number(unbiased))),
      mean(run, x, dims, keepdim, null),
    ]),
);

function product(values: ArrayLike<number>, start: number, end: number): number {
  let result = 1;
  for (let i = start; i < end; i++) result *= values[i];
  return result;
}
define('prod(Tensor self, *, dtype? dtype=None)', (run, x: StridedTensor, dtype: DType | null) =>
  reduce(run, x, null, false, sumType(x, dtype), product),
);
define(
  'prod(Tensor self, int dim, bool keepdim=False, *, dtype? dtype=None)',
  (run, x: StridedTensor, dim: number, keepdim: boolean, dtype: DType | null) =>
    reduce(run, x, [dim], keepdim, sumType(x, dtype), product),
);

/** Index of the extreme: the first of equals, NaN before all. */
function extremeAt(values: ArrayLike<number>, start: number, end: number, sign: number): number {
  let best = start;
  for (let i = start; i < end; i++) {
    if (Number.isNaN(values[i])) return i;
    if (sign * values[i] > sign * values[best]) best = i;
  }
  return best;
}

for (const [name, sign] of [
  ['max', 1],
  ['min', -1],
] as const) {
  const extreme = (run: Run, x: StridedTensor, dims: number[] | null, keepdim: boolean) =>
    reduce(run, x, dims, keepdim, x.type, (values, start, end) => {
      if (end === start)
        throw invalid('E_RUN_SHAPE', `${name}(): Expected reduction dim to be specified for input.numel() == 0.`);
      return values[extremeAt(values, start, end, sign)];
    });
  const index = (run: Run, x: StridedTensor, dims: number[] | null, keepdim: boolean) =>
    reduce(run, x, dims, keepdim, 'int64', (values, start, end) => {
      if (end === start) throw invalid('E_RUN_SHAPE', `arg${name}(): Expected reduction dim to have non-zero size.`);
      return extremeAt(values, start, end, sign) - start;
    });
  define(`${name}(Tensor self)`, (run, x: StridedTensor) => extreme(run, x, null, false));
  define(
    `${name}(Tensor self, int dim, bool keepdim=False)`,
    (run, x: StridedTensor, dim: number, keepdim: boolean) =>
      new PyTuple([extreme(run, x, [dim], keepdim), index(run, x, [dim], keepdim)], ['values', 'indices'], name),
  );
  define(`a${name === 'max' ? 'max' : 'min'}(Tensor self, int[1]? dim=None, bool keepdim=False)`, extreme);
  define(
    `arg${name}(Tensor self, int? dim=None, bool keepdim=False)`,
    (run, x: StridedTensor, dim: number | null, keepdim: boolean) =>
      index(run, x, dim === null ? null : [dim], keepdim),
  );
}

for (const [name, every] of [
  ['all', true],
  ['any', false],
] as const) {
  const test = (run: Run, x: StridedTensor, dims: number[] | null, keepdim: boolean) =>
    reduce(run, x, dims, keepdim, 'bool', (values, start, end) => {
      for (let i = start; i < end; i++) if ((values[i] !== 0) !== every) return Number(!every);
      return Number(every);
    });
  define(`${name}(Tensor self)`, (run, x: StridedTensor) => test(run, x, null, false));
  define(`${name}(Tensor self, int[1]? dim=None, bool keepdim=False)`, test);
}

define(
  'logsumexp(Tensor self, int[1] dim, bool keepdim=False)',
  (run, x: StridedTensor, dims: number[], keepdim: boolean) =>
    reduce(run, x, dims, keepdim, x.type, (values, start, end) => {
      const top = values[extremeAt(values, start, end, 1)];
      if (!Number.isFinite(top)) return top;
      let total = 0;
      for (let i = start; i < end; i++) total += Math.exp(values[i] - top);
      return top + Math.log(total);
    }),
);

/** ‖x‖_p; p may be inf. */
export function norm(run: Run, x: StridedTensor, p: number, dims: number[] | null, keepdim: boolean): StridedTensor {
  return reduce(run, x, dims, keepdim, isFloating(x.type) ? x.type : 'float32', (values, start, end) => {
    let total = 0;
    for (let i = start; i < end; i++) {
      const size = Math.abs(values[i]);
      if (p === Number.POSITIVE_INFINITY) total = Math.max(total, size);
      else total += p === 2 ? size * size : p === 1 ? size : p === 0 ? Number(size !== 0) : size ** p;
    }
    return p === 2 ? Math.sqrt(total) : p === 1 || p === 0 || p === Number.POSITIVE_INFINITY ? total : total ** (1 / p);
  });
}
define(
  'norm(Tensor self, number? p=2, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None)',
  (run, x: StridedTensor, p: number | PyFloat | null, dims: number[] | null, keepdim: boolean) =>
    norm(run, x, p === null ? 2 : numberOf(p), dims, keepdim),
);
define(
  'norm(Tensor self, str p, int[1]? dim=None, bool keepdim=False)',
  (run, x: StridedTensor, p: string, dims: number[] | null, keepdim: boolean) => {
    if (p !== 'fro') throw unsupported('E_RUN_ARGUMENT', `norm does not know p=${JSON.stringify(p.slice(0, 20))} here`);
    return norm(run, x, 2, dims, keepdim);
  },
);
for (const [name, set] of [
  ['linalg_vector_norm', 'torch'],
  ['vector_norm', 'linalg'],
  ['norm', 'linalg'],
] as const) {
  define(
    `${name}(Tensor self, number ord=2, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None)`,
    (run, x: StridedTensor, p: number | PyFloat, dims: number[] | null, keepdim: boolean) =>
      norm(run, x, numberOf(p), dims, keepdim),
    set,
  );
}
define('norm_except_dim(Tensor v, int pow=2, int dim=0)', (run, v: StridedTensor, p: number, dim: number) => {
  if (dim === -1) return norm(run, v, p, null, false);
  return norm(
    run,
    v,
    p,
    v.shape.map((_, d) => d).filter((d) => d !== dimension(dim, v.rank)),
    true,
  );
});
define('_weight_norm(Tensor v, Tensor g, int dim=0)', (run, v: StridedTensor, g: StridedTensor, dim: number) => {
  const dims = dim === -1 ? null : v.shape.map((_, d) => d).filter((d) => d !== dimension(dim, v.rank));
  return arithmetic(run, 'mul', v, arithmetic(run, 'div', g, norm(run, v, 2, dims, dim !== -1)));
});

/** Running totals along a dimension. */
function cumulative(
  run: Run,
  given: StridedTensor,
  dim: number,
  dtype: DType | null,
  start: number,
  f: (a: number, b: number) => number,
): StridedTensor {
  const type = sumType(given, dtype);
  const out = emptyTensor(run.budget, type, given.shape);
  const d = dimension(dim, given.rank);
  const values = dense(run.budget, given);
  const to = out.storage.data;
  run.budget.compute(to.length);
  const step = numel(given.shape.slice(d + 1));
  const length = given.shape[d] ?? 1;
  for (let i = 0; i < to.length; i++) {
    const first = Math.floor(i / step) % length === 0;
    const value = category(type) < 2 ? Math.trunc(values[i]) : values[i];
    to[i] = f(first ? start : to[i - step], value);
  }
  return out;
}
define(
  'cumsum(Tensor self, int dim, *, dtype? dtype=None)',
  (run, x: StridedTensor, dim: number, dtype: DType | null) => cumulative(run, x, dim, dtype, 0, (a, b) => a + b),
);
define(
  'cumprod(Tensor self, int dim, *, dtype? dtype=None)',
  (run, x: StridedTensor, dim: number, dtype: DType | null) => cumulative(run, x, dim, dtype, 1, (a, b) => a * b),
);
define('count_nonzero(Tensor self, int[1]? dim=None)', (run, x: StridedTensor, dims: number[] | null) =>
  reduce(run, x, dims, false, 'int64', (values, start, end) => {
    let count = 0;
    for (let i = start; i < end; i++) if (values[i] !== 0) count++;
    return count;
  }),
);
