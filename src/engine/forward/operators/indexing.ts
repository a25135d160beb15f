import { invalid } from '../../../core/errors';
import { contiguousStrides, numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { broadcastShapes, dimension, expand } from '../values/broadcast';
import { category, type Elements, newElements } from '../values/elements';
import { numberOf, type Operand } from '../values/promotion';
import { cast, clone, dense, emptyTensor, StridedTensor, scatter, tensorOf } from '../values/stridedTensor';
import { type PyFloat, PyList, PyTuple, type Value } from '../values/values';
import { isScalar, scaled, tensorArithmetic } from './arithmetic';
import { compare } from './comparison';
import { cat } from './joining';
import { permute, reshape, slice } from './shape';
import { alias, define } from './table';

/** Reading and writing by tensors of indices. */

/** Row-major positions in `x` that a list of index tensors chooses, and the shape they form. */
interface Chosen {
  readonly positions: Float64Array;
  readonly shape: readonly number[];
}

/** A mask becomes the coordinates of its true elements, one int64 tensor a dimension. */
function nonzero(run: Run, mask: StridedTensor): StridedTensor[] {
  const values = dense(run.budget, mask);
  run.budget.compute(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++;
  const strides = contiguousStrides(mask.shape);
  const result = mask.shape.map(() => emptyTensor(run.budget, 'int64', [count]));
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 0) continue;
    for (let d = 0; d < strides.length; d++) result[d].storage.data[at] = Math.floor(i / strides[d]) % mask.shape[d];
    at++;
  }
  return result;
}

function choose(run: Run, x: StridedTensor, given: readonly (StridedTensor | null)[]): Chosen {
  const indices: (StridedTensor | null)[] = [];
  for (const index of given) {
    if (index === null) indices.push(null);
    else if (index.type === 'bool' || index.type === 'uint8') {
      const covered = x.shape.slice(indices.length, indices.length + index.rank);
      if (covered.join() !== index.shape.join()) {
        throw invalid(
          'E_RUN_INDEX',
          `The shape of the mask [${index.shape.join(', ')}] does not match the shape of the indexed tensor [${x.shape.join(', ')}] at index ${indices.length}`,
        );
      }
      indices.push(...nonzero(run, index));
    } else if (category(index.type) === 1) indices.push(index);
    else throw invalid('E_RUN_INDEX', 'tensors used as indices must be long, int, byte or bool tensors');
  }
  if (indices.length > x.rank) throw invalid('E_RUN_INDEX', `too many indices for tensor of dimension ${x.rank}`);
  while (indices.length < x.rank) indices.push(null);
  const advanced = indices.flatMap((index, d) => (index === null ? [] : [d]));
  const joint = broadcastShapes(...advanced.map((d) => (indices[d] as StridedTensor).shape));
  // Neighbouring index tensors stay where they are; separated ones go first.
  const together = advanced.every((d, i) => i === 0 || d === advanced[i - 1] + 1);
  const kept = indices.flatMap((index, d) => (index === null ? [d] : []));
  const before = together ? kept.filter((d) => d < (advanced[0] ?? 0)) : [];
  const after = kept.filter((d) => !before.includes(d));
  const shape = [...before.map((d) => x.shape[d]), ...joint, ...after.map((d) => x.shape[d])];
  const count = numel(shape);
  run.budget.allocate(count * 8);
  run.budget.compute(count * 2);
  const strides = contiguousStrides(x.shape);
  const jointOffsets = new Float64Array(numel(joint));
  for (const d of advanced) {
    const values = dense(run.budget, expand(indices[d] as StridedTensor, joint));
    for (let i = 0; i < jointOffsets.length; i++)
      jointOffsets[i] += checkedIndex(values[i], x.shape[d], d) * strides[d];
  }
  const left = offsetsOf(before, x.shape, strides);
  const right = offsetsOf(after, x.shape, strides);
  const positions = new Float64Array(count);
  let at = 0;
  for (const l of left) for (const j of jointOffsets) for (const r of right) positions[at++] = l + j + r;
  return { positions, shape };
}

function checkedIndex(index: number, size: number, d: number): number {
  if (!(index >= -size && index < size)) {
    throw invalid('E_RUN_INDEX', `index ${index} is out of bounds for dimension ${d} with size ${size}`);
  }
  return index < 0 ? index + size : index;
}

/** Row-major offsets of all positions in some dimensions. */
function offsetsOf(dims: readonly number[], shape: readonly number[], strides: readonly number[]): Float64Array {
  let offsets: Float64Array = new Float64Array(1);
  for (const d of dims) {
    const next = new Float64Array(offsets.length * shape[d]);
    for (let i = 0; i < offsets.length; i++) {
      for (let k = 0; k < shape[d]; k++) next[i * shape[d] + k] = offsets[i] + k * strides[d];
    }
    offsets = next;
  }
  return offsets;
}

/** x[indices]: always a copy. */
export function index(run: Run, x: StridedTensor, indices: readonly (StridedTensor | null)[]): StridedTensor {
  const { positions, shape } = choose(run, x, indices);
  const out = emptyTensor(run.budget, x.type, shape);
  const values = dense(run.budget, x);
  for (let i = 0; i < positions.length; i++) out.storage.data[i] = values[positions[i]];
  return out;
}

/** x[indices] = values, or += them. */
export function indexPut(
  run: Run,
  x: StridedTensor,
  indices: readonly (StridedTensor | null)[],
  values: StridedTensor,
  accumulate: boolean,
): StridedTensor {
  const { positions, shape } = choose(run, x, indices);
  const from = dense(run.budget, expand(squeezeTo(run, values, shape.length), shape));
  const all = Float64Array.from(dense(run.budget, x));
  for (let i = 0; i < positions.length; i++) all[positions[i]] = accumulate ? all[positions[i]] + from[i] : from[i];
  scatter(run.budget, x, all);
  return x;
}

/** Leading dimensions of size 1 that the target does not have are dropped. */
function squeezeTo(run: Run, x: StridedTensor, rank: number): StridedTensor {
  return x.rank > rank && x.shape.slice(0, x.rank - rank).every((size) => size === 1)
    ? reshape(run, x, x.shape.slice(x.rank - rank))
    : x;
}

type Indices = (StridedTensor | null)[];
define('index(Tensor self, Tensor?[] indices)', (run, x: StridedTensor, indices: Indices) => index(run, x, indices));
define(
  'index_put_(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False)',
  (run, x: StridedTensor, indices: Indices, values: StridedTensor, accumulate: boolean) =>
    indexPut(run, x, indices, values, accumulate),
);
define(
  'index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False)',
  (run, x: StridedTensor, indices: Indices, values: StridedTensor, accumulate: boolean) =>
    indexPut(run, clone(run.budget, x), indices, values, accumulate),
);
define(
  'index_select(Tensor self, int dim, Tensor index)',
  (run, x: StridedTensor, dim: number, chosen: StridedTensor) => {
    const d = dimension(dim, x.rank);
    return index(run, x, [...new Array<null>(d).fill(null), reshape(run, chosen, [-1])]);
  },
);
define('masked_select(Tensor self, Tensor mask)', (run, x: StridedTensor, mask: StridedTensor) => {
  const shape = broadcastShapes(x.shape, mask.shape);
  return index(run, expand(x, shape), [cast(run.budget, expand(mask, shape), 'bool')]);
});
define('take(Tensor self, Tensor index)', (run, x: StridedTensor, chosen: StridedTensor) =>
  index(run, reshape(run, x, [-1]), [chosen]),
);
define('nonzero(Tensor self)', (run, x: StridedTensor) => {
  const columns = nonzero(run, x);
  const count = columns[0]?.count ?? 0;
  const out = emptyTensor(run.budget, 'int64', [count, x.rank]);
  for (const [d, column] of columns.entries())
    for (let i = 0; i < count; i++) out.storage.data[i * x.rank + d] = column.storage.data[i];
  return out;
});
alias('argwhere', 'nonzero');
define('nonzero_numpy(Tensor self)', (run, x: StridedTensor) => new PyList(nonzero(run, x)));
define('where(Tensor condition)', (run, x: StridedTensor) => new PyTuple(nonzero(run, x)));

/** Walks an index tensor along `dim`: calls back with its own position and the row-major position in a tensor of `shape`. */
function alongDimension(
  run: Run,
  dim: number,
  chosen: StridedTensor,
  shape: readonly number[],
  visit: (from: number, to: number) => void,
): void {
  const d = dimension(dim, shape.length);
  const own = contiguousStrides(chosen.shape);
  const strides = contiguousStrides(shape);
  const values = dense(run.budget, chosen);
  run.budget.compute(values.length * (shape.length + 1));
  for (let i = 0; i < values.length; i++) {
    let at = 0;
    for (let k = 0; k < own.length; k++) {
      const position = k === d ? values[i] : Math.floor(i / own[k]) % chosen.shape[k];
      if (!(position >= 0 && position < shape[k])) {
        throw invalid('E_RUN_INDEX', `index ${position} is out of bounds for dimension ${k} with size ${shape[k]}`);
      }
      at += position * strides[k];
    }
    visit(i, at);
  }
}

function gather(run: Run, x: StridedTensor, dim: number, chosen: StridedTensor): StridedTensor {
  const out = emptyTensor(run.budget, x.type, chosen.shape);
  const values = dense(run.budget, x);
  alongDimension(run, dim, chosen, x.shape, (i, at) => {
    out.storage.data[i] = values[at];
  });
  return out;
}
define('gather(Tensor self, int dim, Tensor index)', gather);
define(
  'take_along_dim(Tensor self, Tensor indices, int dim)',
  (run, x: StridedTensor, chosen: StridedTensor, dim: number) => gather(run, x, dim, chosen),
);

function scatterInto(
  run: Run,
  x: StridedTensor,
  dim: number,
  chosen: StridedTensor,
  source: Operand,
  combine: (a: number, b: number) => number,
): StridedTensor {
  const all = Float64Array.from(dense(run.budget, x));
  const from: Elements =
    source instanceof StridedTensor
      ? sourceFor(run, source, chosen)
      : newElements('float64', chosen.count).fill(numberOf(source));
  alongDimension(run, dim, chosen, x.shape, (i, at) => {
    all[at] = combine(all[at], from[i]);
  });
  scatter(run.budget, x, all);
  return x;
}

/** The part of a source that an index tensor covers. */
function sourceFor(run: Run, source: StridedTensor, chosen: StridedTensor): Elements {
  let part = source;
  if (source.rank === 0) part = expand(source, chosen.shape);
  for (let d = 0; d < chosen.rank && source.rank > 0; d++) {
    if (part.shape[d] < chosen.shape[d])
      throw invalid('E_RUN_SHAPE', 'Expected index to be smaller than src in every dimension.');
    if (part.shape[d] > chosen.shape[d])
      part = new StridedTensor(
        part.storage,
        part.shape.map((s, i) => (i === d ? chosen.shape[d] : s)),
        part.strides,
        part.offset,
      );
  }
  return dense(run.budget, part);
}

const put = (_a: number, b: number) => b;
const plus = (a: number, b: number) => a + b;
for (const [name, combine] of [
  ['scatter', put],
  ['scatter_add', plus],
] as const) {
  const argument = name === 'scatter' ? 'any src' : 'Tensor src';
  define(
    `${name}_(Tensor self, int dim, Tensor index, ${argument})`,
    (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: Operand) =>
      scatterInto(run, x, dim, chosen, source, combine),
  );
  define(
    `${name}(Tensor self, int dim, Tensor index, ${argument})`,
    (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: Operand) =>
      scatterInto(run, clone(run.budget, x), dim, chosen, source, combine),
  );
}
for (const [argument, type] of [
  ['src', 'any'],
  ['value', 'number'],
] as const) {
  const plain = `(Tensor self, int dim, Tensor index, *, ${type} ${argument})`;
  const reduced = `(Tensor self, int dim, Tensor index, ${type} ${argument}, *, str reduce)`;
  for (const name of ['scatter', 'scatter_'] as const) {
    const target = (run: Run, x: StridedTensor) => (name === 'scatter' ? clone(run.budget, x) : x);
    define(`${name}${plain}`, (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: Operand) =>
      scatterInto(run, target(run, x), dim, chosen, source, put),
    );
    define(
      `${name}${reduced}`,
      (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: Operand, how: string) => {
        const combine = { add: plus, multiply: (a: number, b: number) => a * b }[how];
        if (combine === undefined) throw invalid('E_RUN_ARGUMENT', 'reduce argument must be either add or multiply.');
        return scatterInto(run, target(run, x), dim, chosen, source, combine);
      },
    );
  }
}

/** index_add_, index_copy_ and index_fill_ in terms of the rows of one dimension. */
function indexedRows(
  run: Run,
  x: StridedTensor,
  dim: number,
  chosen: StridedTensor,
  source: Operand,
  accumulate: boolean,
): StridedTensor {
  const d = dimension(dim, x.rank);
  const order = [d, ...x.shape.map((_, i) => i).filter((i) => i !== d)];
  const moved = permute(x, order);
  const values =
    source instanceof StridedTensor && source.rank > 0
      ? permute(source, order)
      : isScalar(source as Value)
        ? tensorOf(run.budget, 'float64', [numberOf(source as number)], [])
        : (source as StridedTensor);
  indexPut(run, moved, [reshape(run, chosen, [-1])], values, accumulate);
  return x;
}
define(
  'index_add_(Tensor self, int dim, Tensor index, Tensor source, *, number alpha=1)',
  (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: StridedTensor, alpha: number | PyFloat) =>
    indexedRows(run, x, dim, chosen, scaled(run, source, alpha) as Operand, true),
);
define(
  'index_add(Tensor self, int dim, Tensor index, Tensor source, *, number alpha=1)',
  (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: StridedTensor, alpha: number | PyFloat) =>
    indexedRows(run, clone(run.budget, x), dim, chosen, scaled(run, source, alpha) as Operand, true),
);
for (const [name, accumulate] of [
  ['index_copy', false],
  ['index_fill', false],
] as const) {
  const last = name === 'index_fill' ? 'any value' : 'Tensor source';
  define(
    `${name}_(Tensor self, int dim, Tensor index, ${last})`,
    (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: Operand) =>
      indexedRows(run, x, dim, chosen, source, accumulate),
  );
  define(
    `${name}(Tensor self, int dim, Tensor index, ${last})`,
    (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: Operand) =>
      indexedRows(run, clone(run.budget, x), dim, chosen, source, accumulate),
  );
}
define(
  'masked_scatter(Tensor self, Tensor mask, Tensor source)',
  (run, x: StridedTensor, mask: StridedTensor, source: StridedTensor) => {
    const out = clone(run.budget, x);
    const chosen = nonzero(run, expand(mask, x.shape));
    const values = dense(run.budget, source).slice(0, chosen[0]?.count ?? 0);
    return indexPut(run, out, chosen, tensorOf(run.budget, source.type, values, [values.length]), false);
  },
);

define('one_hot(Tensor self, int num_classes=-1)', (run, x: StridedTensor, given: number) => {
  const values = dense(run.budget, x);
  let top = -1;
  for (let i = 0; i < values.length; i++) top = Math.max(top, values[i]);
  const classes = given === -1 ? top + 1 : given;
  const out = emptyTensor(run.budget, 'int64', [...x.shape, classes]);
  for (let i = 0; i < values.length; i++) {
    if (!(values[i] >= 0 && values[i] < classes))
      throw invalid('E_RUN_INDEX', 'Class values must be smaller than num_classes.');
    out.storage.data[i * classes + values[i]] = 1;
  }
  return out;
});

define(
  'diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None)',
  (run, x: StridedTensor, n: number, dim: number, prepend: StridedTensor | null, append: StridedTensor | null) => {
    const parts = [prepend, x, append].filter((part) => part !== null);
    let joined = parts.length === 1 ? x : cat(run, parts, dim);
    for (let i = 0; i < n; i++) joined = difference(run, joined, dim);
    return joined;
  },
);

function difference(run: Run, x: StridedTensor, dim: number): StridedTensor {
  const [after, before] = [slice(x, dim, 1, null, 1), slice(x, dim, 0, -1, 1)];
  return x.type === 'bool'
    ? (compare(run, 'ne', after, before) as StridedTensor)
    : tensorArithmetic(run, 'sub', after, before);
}

define(
  'scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce)',
  (run, x: StridedTensor, dim: number, chosen: StridedTensor, source: StridedTensor, how: string) => {
    const combine = { sum: plus, amax: Math.max, amin: Math.min, prod: (a: number, b: number) => a * b }[how];
    if (combine === undefined)
      throw invalid('E_RUN_ARGUMENT', `scatter_reduce does not know ${JSON.stringify(how.slice(0, 20))} here.`);
    return scatterInto(run, clone(run.budget, x), dim, chosen, source, combine);
  },
);
