import type { DType } from '../../../core/dtype';
import { invalid } from '../../../core/errors';
import { maxItems } from '../interpreter/limits';
import type { Run } from '../interpreter/run';
import { broadcastShapes } from '../values/broadcast';
import { describeType } from '../values/describe';
import { type ElementType, elementType } from '../values/elements';
import { numberOf, numberType, promoteTypes } from '../values/promotion';
import {
  cast,
  checkedCount,
  clone,
  emptyTensor,
  onlyElement,
  StridedTensor,
  scalarTensor,
  tensorOf,
} from '../values/stridedTensor';
import { DeviceValue, DTypeValue, PyFloat, PyList, PyTuple, type Value } from '../values/values';
import { isScalar } from './arithmetic';
import { toDType } from './convert';
import { reshape } from './shape';
import { alias, define } from './table';

/** New tensors: filled, counted, random, or from Python's values; and changes of dtype. */

type Scalar = number | boolean | PyFloat | StridedTensor;

const scalarOf = (value: Scalar): number => (value instanceof StridedTensor ? onlyElement(value) : numberOf(value));
const typeOr = (dtype: DType | null, fallback: ElementType): ElementType =>
  dtype === null ? fallback : elementType(dtype);

function full(run: Run, shape: readonly number[], value: number, type: ElementType): StridedTensor {
  const out = emptyTensor(run.budget, type, shape);
  run.budget.compute(out.count);
  if (value !== 0) out.storage.data.fill(type === 'bool' ? 1 : type === 'int64' ? Math.trunc(value) : value);
  return out;
}

for (const [name, value] of [
  ['zeros', 0],
  ['ones', 1],
  ['empty', 0],
] as const) {
  define(`${name}(int[] size, *, dtype? dtype=None)`, (run, size: number[], dtype: DType | null) =>
    full(run, size, value, typeOr(dtype, 'float32')),
  );
  define(`${name}_like(Tensor self, *, dtype? dtype=None)`, (run, x: StridedTensor, dtype: DType | null) =>
    full(run, x.shape, value, typeOr(dtype, x.type)),
  );
  define(
    `new_${name}(Tensor self, int[] size, *, dtype? dtype=None)`,
    (run, x: StridedTensor, size: number[], dtype: DType | null) => full(run, size, value, typeOr(dtype, x.type)),
  );
}
alias('new_empty_strided', 'new_empty');

const fillType = (value: Scalar): ElementType => (value instanceof StridedTensor ? value.type : numberType(value));
define(
  'full(int[] size, any fill_value, *, dtype? dtype=None)',
  (run, size: number[], value: Scalar, dtype: DType | null) =>
    full(run, size, scalarOf(value), typeOr(dtype, fillType(value))),
);
define(
  'full_like(Tensor self, any fill_value, *, dtype? dtype=None)',
  (run, x: StridedTensor, value: Scalar, dtype: DType | null) =>
    full(run, x.shape, scalarOf(value), typeOr(dtype, x.type)),
);
define(
  'new_full(Tensor self, int[] size, any fill_value, *, dtype? dtype=None)',
  (run, x: StridedTensor, size: number[], value: Scalar, dtype: DType | null) =>
    full(run, size, scalarOf(value), typeOr(dtype, x.type)),
);

function arange(run: Run, start: Scalar, end: Scalar, step: Scalar, dtype: DType | null): StridedTensor {
  const [from, to, by] = [start, end, step].map(scalarOf);
  const float = [start, end, step].some(
    (one) => one instanceof PyFloat || (one instanceof StridedTensor && /^float/.test(one.type)),
  );
  const type = typeOr(dtype, float ? 'float32' : 'int64');
  const count = Math.ceil((to - from) / by);
  if (by === 0 || Number.isNaN(count) || count < 0)
    throw invalid('E_RUN_SHAPE', 'upper bound and larger bound inconsistent with step sign');
  checkedCount([count]);
  const out = emptyTensor(run.budget, type, [count]);
  run.budget.compute(count);
  for (let i = 0; i < count; i++) out.storage.data[i] = from + i * by;
  return out;
}
define('arange(any end, *, dtype? dtype=None)', (run, end: Scalar, dtype: DType | null) =>
  arange(run, 0, end, 1, dtype),
);
define('arange(any start, any end, any step=1, *, dtype? dtype=None)', arange);
define(
  'linspace(number start, number end, int steps, *, dtype? dtype=None)',
  (run, start: Scalar, end: Scalar, steps: number, dtype: DType | null) => {
    const [from, to] = [scalarOf(start), scalarOf(end)];
    const out = emptyTensor(run.budget, typeOr(dtype, 'float32'), [steps]);
    const by = steps > 1 ? (to - from) / (steps - 1) : 0;
    // From both ends, as PyTorch computes it.
    for (let i = 0; i < steps; i++) out.storage.data[i] = i < steps / 2 ? from + by * i : to - by * (steps - 1 - i);
    return out;
  },
);
define('eye(int n, int? m=None, *, dtype? dtype=None)', (run, n: number, m: number | null, dtype: DType | null) => {
  const columns = m ?? n;
  const out = emptyTensor(run.budget, typeOr(dtype, 'float32'), [n, columns]);
  for (let i = 0; i < Math.min(n, columns); i++) out.storage.data[i * columns + i] = 1;
  return out;
});
function meshgrid(run: Run, tensors: readonly StridedTensor[], indexing: string): PyTuple {
  const [first, second] = tensors;
  const swap = indexing === 'xy' && tensors.length >= 2;
  const lengths = tensors.map(({ count }) => count);
  if (swap) [lengths[0], lengths[1]] = [second.count, first.count];
  const place = (i: number) => (swap && i < 2 ? 1 - i : i);
  return new PyTuple(
    tensors.map((one, i) => {
      const spread = reshape(
        run,
        one,
        lengths.map((_, d) => (d === place(i) ? one.count : 1)),
      );
      const shape = broadcastShapes(spread.shape, lengths);
      return clone(
        run.budget,
        new StridedTensor(
          spread.storage,
          shape,
          spread.strides.map((s, d) => (d === place(i) ? s : 0)),
          spread.offset,
        ),
      );
    }),
  );
}
define('meshgrid(Tensor[] tensors, *, str indexing="ij")', (run, tensors: StridedTensor[], indexing: string) =>
  meshgrid(run, tensors, indexing),
);
define('meshgrid(rest tensors, *, str indexing="ij")', (run, tensors: StridedTensor[], indexing: string) =>
  meshgrid(run, tensors, indexing),
);

/** Nested lists of numbers, or tensors, as one tensor. */
export function fromValues(run: Run, value: Value, dtype: DType | null): StridedTensor {
  if (value instanceof StridedTensor)
    return dtype === null ? clone(run.budget, value) : clone(run.budget, cast(run.budget, value, dtype));
  const numbers: number[] = [];
  let type: ElementType | undefined;
  const shape: number[] = [];
  const visit = (item: Value, depth: number): void => {
    if (item instanceof PyList || item instanceof PyTuple) {
      if (depth > 60) throw invalid('E_RUN_SHAPE', 'too many dimensions');
      if (shape.length <= depth) shape.push(item.items.length);
      if (shape[depth] !== item.items.length)
        throw invalid(
          'E_RUN_SHAPE',
          `expected sequence of length ${shape[depth]} at dim ${depth} (got ${item.items.length})`,
        );
      for (const inner of item.items) visit(inner, depth + 1);
      return;
    }
    if (depth < shape.length) throw invalid('E_RUN_SHAPE', 'not a sequence');
    const scalar = item instanceof StridedTensor && item.count === 1 ? item : isScalar(item) ? item : undefined;
    if (scalar === undefined) throw invalid('E_RUN_TYPE', `a tensor cannot be made from ${describeType(item)}`);
    const own = scalar instanceof StridedTensor ? scalar.type : numberType(scalar);
    type = type === undefined ? own : promoteTypes(type, own);
    if (numbers.push(scalarOf(scalar)) > maxItems) run.budget.items(numbers.length);
  };
  visit(value, 0);
  return tensorOf(run.budget, typeOr(dtype, type ?? 'float32'), numbers, shape);
}
define('tensor(any data, *, dtype? dtype=None)', fromValues);
define('as_tensor(any data, dtype? dtype=None)', (run, value: Value, dtype: DType | null) =>
  value instanceof StridedTensor
    ? dtype === null
      ? value
      : cast(run.budget, value, dtype)
    : fromValues(run, value, dtype),
);
alias('asarray', 'as_tensor');
define(
  'new_tensor(Tensor self, any data, *, dtype? dtype=None)',
  (run, x: StridedTensor, data: Value, dtype: DType | null) => fromValues(run, data, dtype ?? x.dtype),
);
for (const [name, type] of [
  ['Tensor', 'float32'],
  ['FloatTensor', 'float32'],
  ['LongTensor', 'int64'],
  ['BoolTensor', 'bool'],
  ['IntTensor', 'int32'],
] as const) {
  define(`${name}(int[] size)`, (run, size: number[]) => full(run, size, 0, type));
  define(`${name}(any data)`, (run, data: Value) => fromValues(run, data, type));
}

/** to(): dtype, device or another tensor, then non_blocking and copy. */
define(
  'to(Tensor self, rest arguments, *, any dtype=None, any device=None, bool copy=False)',
  (run, x: StridedTensor, rest: Value[], named: Value, _device: Value, copy: boolean) => {
    const wanted = [named, ...rest].find(
      (one) => one instanceof DTypeValue || one instanceof StridedTensor || (typeof one === 'number' && one !== null),
    );
    const dtype = wanted instanceof StridedTensor ? wanted.dtype : wanted === undefined ? undefined : toDType(wanted);
    const known = rest.every(
      (one) =>
        one === null ||
        typeof one === 'boolean' ||
        typeof one === 'number' ||
        typeof one === 'string' ||
        one instanceof DTypeValue ||
        one instanceof DeviceValue ||
        one instanceof StridedTensor,
    );
    if (!known) throw invalid('E_RUN_ARGUMENT', `to() got ${rest.map(describeType).join(', ')}`);
    const result = dtype === undefined ? x : cast(run.budget, x, dtype);
    const [, second] = rest.filter((one) => typeof one === 'boolean');
    return result === x && (copy || second === true) ? clone(run.budget, x) : result;
  },
);
define('type_as(Tensor self, Tensor other)', (run, x: StridedTensor, other: StridedTensor) =>
  cast(run.budget, x, other.dtype),
);
define('type(Tensor self, dtype dtype)', (run, x: StridedTensor, dtype: DType) => cast(run.budget, x, dtype));
for (const [name, type] of [
  ['float', 'float32'],
  ['double', 'float64'],
  ['long', 'int64'],
  ['int', 'int32'],
  ['short', 'int16'],
  ['char', 'int8'],
  ['byte', 'uint8'],
  ['bool', 'bool'],
] as const) {
  define(`${name}(Tensor self)`, (run, x: StridedTensor) => cast(run.budget, x, type));
}
define('_cast_Float(Tensor self, bool non_blocking=False)', (run, x: StridedTensor) => cast(run.budget, x, 'float32'));
define('scalar_tensor(number s, *, dtype? dtype=None)', (_run, s: Scalar, dtype: DType | null) =>
  scalarTensor(typeOr(dtype, 'float32'), scalarOf(s)),
);

/** Random numbers come from PyTorch's generator, seeded by the run; the result says that some were drawn. */
function randn(run: Run, shape: readonly number[], dtype: DType | null): StridedTensor {
  const count = checkedCount(shape);
  const out = emptyTensor(run.budget, typeOr(dtype, 'float32'), shape);
  run.budget.compute(count * 20);
  run.usedRandom = true;
  if (count > 0) out.storage.data.set(run.generator.randn([...shape]).data);
  return out;
}
function rand(run: Run, shape: readonly number[], type: ElementType): StridedTensor {
  const out = emptyTensor(run.budget, type, shape);
  run.budget.compute(out.count * 10);
  run.usedRandom = true;
  if (out.count > 0) out.storage.data.set(run.generator.rand([...shape]).data);
  return out;
}
function randint(run: Run, low: number, high: number, shape: readonly number[], type: ElementType): StridedTensor {
  if (!(high > low))
    throw invalid('E_RUN_ARGUMENT', `random_ expects 'from' to be less than 'to', but got from=${low} >= to=${high}`);
  const out = emptyTensor(run.budget, type, shape);
  run.budget.compute(out.count * 10);
  run.usedRandom = true;
  for (let i = 0; i < out.count; i++) out.storage.data[i] = low + (run.generator.random() % (high - low));
  return out;
}
define('randn(int[] size, *, dtype? dtype=None)', randn);
define('randn_like(Tensor self, *, dtype? dtype=None)', (run, x: StridedTensor, dtype: DType | null) =>
  randn(run, x.shape, dtype),
);
define('rand(int[] size, *, dtype? dtype=None)', (run, size: number[], dtype: DType | null) =>
  rand(run, size, typeOr(dtype, 'float32')),
);
define('rand_like(Tensor self, *, dtype? dtype=None)', (run, x: StridedTensor, dtype: DType | null) =>
  rand(run, x.shape, typeOr(dtype, x.type)),
);
define(
  'randint(int high, int[] size, *, dtype? dtype=None)',
  (run, high: number, size: number[], dtype: DType | null) => randint(run, 0, high, size, typeOr(dtype, 'int64')),
);
define(
  'randint(int low, int high, int[] size, *, dtype? dtype=None)',
  (run, low: number, high: number, size: number[], dtype: DType | null) =>
    randint(run, low, high, size, typeOr(dtype, 'int64')),
);
