import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { broadcastShapes, dimension, expand } from '../values/broadcast';
import type { ElementType } from '../values/elements';
import { contiguous, dense, emptyTensor, StridedTensor } from '../values/stridedTensor';
import { type PyFloat, PyList, type Value } from '../values/values';
import { arithmetic, tensorArithmetic } from './arithmetic';
import { cat } from './joining';
import { reduce } from './reduction';
import { permute, reshape, select, slice, squeeze, transpose, unsqueeze } from './shape';
import { alias, define } from './table';

/** Matrix products: float32 on the engine's kernel, other types in double. */

/**
 * `out[m, n] = x[m, k] · wᵀ[n, k] + bias`, where w has the layout of nn.Linear. With `keep` the kernels may hold
 * a packed copy of weight and bias.
 */
export function product(
  run: Run,
  type: ElementType,
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | undefined,
  [m, n, k]: readonly [number, number, number],
  out: { [index: number]: number },
  keep = false,
): void {
  run.budget.compute(m * n * k);
  if (type === 'float32') {
    run.kernels.gemmFloat(
      x as Float32Array,
      weight as Float32Array,
      bias as Float32Array | undefined,
      m,
      n,
      k,
      out as Float32Array,
      keep,
    );
    return;
  }
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = bias === undefined ? 0 : bias[column];
      for (let i = 0; i < k; i++) sum += x[row * k + i] * weight[column * k + i];
      out[row * n + column] = sum;
    }
  }
}

function sameType(a: StridedTensor, b: StridedTensor, what: string): ElementType {
  if (a.type !== b.type) {
    throw invalid(
      'E_RUN_TYPE',
      `${what}: expected both tensors to have the same dtype, but got ${a.dtype} and ${b.dtype}`,
    );
  }
  return a.type;
}

/**
 * x Wᵀ + b over the last dimension; a weight of one dimension is one output. `own` says that weight and bias
 * belong to a module and are multiplied again in the next run.
 */
export function linear(
  run: Run,
  x: StridedTensor,
  weight: StridedTensor,
  bias: StridedTensor | null,
  own = false,
): StridedTensor {
  const type = sameType(x, weight, 'linear');
  if (weight.rank === 1) return squeeze(linear(run, x, unsqueeze(weight, 0), bias), [-1]);
  const [n, k] = weight.shape;
  if (x.rank === 0 || x.shape[x.rank - 1] !== k) {
    throw invalid('E_RUN_SHAPE', `mat1 and mat2 shapes cannot be multiplied ([${x.shape.join(', ')}] and ${k}x${n})`);
  }
  const m = numel(x.shape.slice(0, -1));
  const out = emptyTensor(run.budget, type, [...x.shape.slice(0, -1), n]);
  const offset = bias === null ? undefined : dense(run.budget, bias);
  const keep = own && mayPack(weight) && (bias === null || mayPack(bias));
  product(run, type, dense(run.budget, x), dense(run.budget, weight), offset, [m, n, k], out.storage.data, keep);
  return out;
}

/** Whether the kernels may keep these values: whole storages that nobody wrote to since they were packed. */
function mayPack({ storage, contiguous, count }: StridedTensor): boolean {
  if (storage.packed === 'stale' || !contiguous || count !== storage.data.length) return false;
  storage.packed = 'yes';
  return true;
}

/** torch.matmul with its rules for one dimension and for batches. */
export function matmul(run: Run, a: StridedTensor, b: StridedTensor): StridedTensor {
  if (a.rank === 0 || b.rank === 0) throw invalid('E_RUN_SHAPE', 'both arguments to matmul need to be at least 1D');
  if (a.rank === 1 && b.rank === 1) return squeeze(batched(run, unsqueeze(a, 0), unsqueeze(b, 1)), null);
  if (a.rank === 1) return squeeze(batched(run, unsqueeze(a, 0), b), [-2]);
  if (b.rank === 1) return squeeze(batched(run, a, unsqueeze(b, 1)), [-1]);
  return batched(run, a, b);
}

function batched(run: Run, a: StridedTensor, b: StridedTensor): StridedTensor {
  const type = sameType(a, b, 'matmul');
  const [m, k] = a.shape.slice(-2);
  const [rows, n] = b.shape.slice(-2);
  if (k !== rows) {
    throw invalid(
      'E_RUN_SHAPE',
      `mat1 and mat2 shapes cannot be multiplied ([${a.shape.join(', ')}] and [${b.shape.join(', ')}])`,
    );
  }
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const out = emptyTensor(run.budget, type, [...batch, m, n]);
  if (b.rank === 2) {
    product(
      run,
      type,
      dense(run.budget, a),
      dense(run.budget, transpose(b, 0, 1)),
      undefined,
      [numel(a.shape.slice(0, -1)), n, k],
      out.storage.data,
    );
    return out;
  }
  const left = dense(run.budget, expand(a, [...batch, m, k]));
  const right = dense(run.budget, transpose(expand(b, [...batch, k, n]), -2, -1));
  const count = numel(batch);
  for (let i = 0; i < count; i++) {
    product(
      run,
      type,
      left.subarray(i * m * k, (i + 1) * m * k),
      right.subarray(i * n * k, (i + 1) * n * k),
      undefined,
      [m, n, k],
      out.storage.data.subarray(i * m * n, (i + 1) * m * n),
    );
  }
  return out;
}

define('matmul(Tensor self, Tensor other)', matmul);
alias('mm', 'matmul');
alias('bmm', 'matmul');
alias('mv', 'matmul');
alias('dot', 'matmul');
alias('inner', 'matmul');
define('outer(Tensor self, Tensor vec2)', (run, a: StridedTensor, b: StridedTensor) =>
  tensorArithmetic(run, 'mul', unsqueeze(a, 1), unsqueeze(b, 0)),
);
alias('ger', 'outer');
type Scalar = number | PyFloat;
function addProduct(
  run: Run,
  x: StridedTensor,
  a: StridedTensor,
  b: StridedTensor,
  beta: Scalar,
  alpha: Scalar,
): Value {
  return arithmetic(run, 'add', arithmetic(run, 'mul', x, beta), arithmetic(run, 'mul', matmul(run, a, b), alpha));
}
for (const [name, first, second] of [
  ['addmm', 'mat1', 'mat2'],
  ['baddbmm', 'batch1', 'batch2'],
  ['addmv', 'mat', 'vec'],
] as const) {
  define(`${name}(Tensor self, Tensor ${first}, Tensor ${second}, *, number beta=1, number alpha=1)`, addProduct);
}

/** Rows of x in groups, each times a matrix of its own; `ends` says where each group ends: mixtures of experts. */
function groupedProduct(run: Run, x: StridedTensor, weights: StridedTensor, ends: StridedTensor | null): StridedTensor {
  if (x.rank !== 2 || weights.rank !== 3 || ends === null || ends.count !== weights.shape[0]) {
    throw invalid(
      'E_RUN_SHAPE',
      '_grouped_mm: only rows [n, k] in groups times matrices [groups, k, m] are supported',
      {
        found: `[${x.shape.join(', ')}] and [${weights.shape.join(', ')}]`,
      },
    );
  }
  const last = dense(run.budget, ends);
  const parts: StridedTensor[] = [];
  for (let group = 0, start = 0; group < last.length; start = last[group++])
    parts.push(matmul(run, slice(x, 0, start, last[group], 1), select(weights, 0, group)));
  return cat(run, parts, 0);
}
define('_grouped_mm(Tensor self, Tensor mat2, Tensor? offs=None)', groupedProduct);

/** einsum, as sums of products: operands are brought to one order of letters, multiplied pair by pair and summed. */
export function einsum(run: Run, equation: string, operands: readonly StridedTensor[]): StridedTensor {
  const refuse = (message: string) =>
    invalid('E_RUN_ARGUMENT', `einsum(): ${message}`, { found: JSON.stringify(equation.slice(0, 80)) });
  const [left, given] = equation.replace(/\s/g, '').split('->');
  const inputs = left.split(',');
  if (!/^[a-zA-Z,.]*$/.test(left) || inputs.length !== operands.length)
    throw refuse('the equation does not fit the operands');
  const dots = Math.max(
    ...inputs.map((text, i) => (text.includes('...') ? operands[i].rank - text.replace('...', '').length : 0)),
    0,
  );
  const names = Array.from({ length: dots }, (_, i) => `.${i}`);
  const letters = (text: string, rank: number): string[] => {
    const [before, after] = text.split('...');
    if (after === undefined) return [...text];
    return [...before, ...names.slice(names.length - (rank - before.length - after.length)), ...after];
  };
  const labels = inputs.map((text, i) => letters(text, operands[i].rank));
  for (const [i, list] of labels.entries()) {
    if (list.length !== operands[i].rank) throw refuse(`operand ${i} has ${operands[i].rank} dimensions`);
  }
  const counts = new Map<string, number>();
  for (const label of labels.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const output =
    given === undefined
      ? [...names, ...[...counts.keys()].filter((l) => counts.get(l) === 1 && !l.startsWith('.')).sort()]
      : letters(given, given.includes('...') ? given.replace('...', '').length + dots : given.length);
  let current = { tensor: diagonals(operands[0], labels[0]), labels: [...new Set(labels[0])] };
  for (let i = 1; i < operands.length; i++) {
    const later = new Set([...labels.slice(i + 1).flat(), ...output]);
    current = contract(
      run,
      current,
      { tensor: diagonals(operands[i], labels[i]), labels: [...new Set(labels[i])] },
      later,
    );
  }
  const gone = current.labels.filter((label) => !output.includes(label));
  const summed =
    gone.length === 0
      ? current.tensor
      : reduce(
          run,
          current.tensor,
          gone.map((label) => current.labels.indexOf(label)),
          false,
          current.tensor.type,
          total,
        );
  const rest = current.labels.filter((label) => output.includes(label));
  return permute(
    summed,
    output.map((label) => rest.indexOf(label)),
  );
}

const total = (values: ArrayLike<number>, start: number, end: number) => {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i];
  return sum;
};

interface Labelled {
  readonly tensor: StridedTensor;
  readonly labels: string[];
}

/** A label that an operand has twice takes its diagonal. */
function diagonals(tensor: StridedTensor, labels: readonly string[]): StridedTensor {
  const unique = [...new Set(labels)];
  if (unique.length === labels.length) return tensor;
  const of = (label: string) => labels.flatMap((one, d) => (one === label ? [d] : []));
  return new StridedTensor(
    tensor.storage,
    unique.map((label) => tensor.shape[of(label)[0]]),
    unique.map((label) => of(label).reduce((sum, d) => sum + tensor.strides[d], 0)),
    tensor.offset,
  );
}

/** Two operands as one batched matrix product; labels that nothing later needs are summed. */
function contract(run: Run, a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const summed = shared.filter((label) => !later.has(label));
  const left = a.labels.filter((label) => !shared.includes(label));
  const right = b.labels.filter((label) => !shared.includes(label));
  const size = (label: string) => Math.max(sizeOf(a, label), sizeOf(b, label));
  const arrange = (one: Labelled, order: readonly string[]) => {
    const moved = permute(
      one.tensor,
      order.map((label) => one.labels.indexOf(label)),
    );
    return expand(
      moved,
      order.map((label, d) => (moved.shape[d] === 1 ? size(label) : moved.shape[d])),
    );
  };
  const count = (list: readonly string[]) => numel(list.map(size));
  const x = reshape(run, arrange(a, [...batch, ...left, ...summed]), [count(batch), count(left), count(summed)]);
  const y = reshape(run, arrange(b, [...batch, ...summed, ...right]), [count(batch), count(summed), count(right)]);
  const labels = [...batch, ...left, ...right];
  return { tensor: reshape(run, matmul(run, x, y), labels.map(size)), labels };
}

function sizeOf({ tensor, labels }: Labelled, label: string): number {
  const d = labels.indexOf(label);
  return d < 0 ? 1 : tensor.shape[d];
}

define('einsum(str equation, rest operands, *, int[]? path=None)', (run, equation: string, rest: Value[]) => {
  const operands = rest[0] instanceof PyList ? rest[0].items : rest;
  const tensors = operands.filter((one) => one instanceof StridedTensor);
  if (tensors.length === 0) throw invalid('E_RUN_ARGUMENT', 'einsum(): must provide at least one operand');
  return contiguous(run.budget, einsum(run, equation, tensors));
});
define(
  'tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other)',
  (run, a: StridedTensor, b: StridedTensor, da: number[], db: number[]) => {
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    const left = [...letters.slice(0, a.rank)];
    const right = [...letters.slice(13, 13 + b.rank)];
    for (const [i, d] of da.entries()) right[dimension(db[i], b.rank)] = left[dimension(d, a.rank)];
    const kept = [
      ...left.filter((_, d) => !da.map((one) => dimension(one, a.rank)).includes(d)),
      ...right.filter((_, d) => !db.map((one) => dimension(one, b.rank)).includes(d)),
    ];
    return einsum(run, `${left.join('')},${right.join('')}->${kept.join('')}`, [a, b]);
  },
);
define(
  'bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None)',
  (run, a: StridedTensor, b: StridedTensor, weight: StridedTensor, bias: StridedTensor | null) => {
    const result = einsum(run, '...i,oij,...j->...o', [a, weight, b]);
    return bias === null ? result : tensorArithmetic(run, 'add', result, bias);
  },
);
