import type { DType } from '../../../core/dtype';
import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Norm } from '../../kernels/layerKernels';
import type { Run } from '../interpreter/run';
import { dimension } from '../values/broadcast';
import { type Elements, isFloating } from '../values/elements';
import { cast, dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import type { Value } from '../values/values';
import { tensorArithmetic } from './arithmetic';
import { norm, reduce } from './reduction';
import { transpose } from './shape';
import { alias, define } from './table';

/** Softmax and the norms. Sums are kept in double. */

function softmaxOver(run: Run, given: StridedTensor, dim: number, dtype: DType | null, log: boolean): StridedTensor {
  const x = dtype === null ? given : cast(run.budget, given, dtype);
  if (!isFloating(x.type)) throw invalid('E_RUN_TYPE', `"softmax_lastdim_kernel_impl" not implemented for '${x.type}'`);
  const d = dimension(dim, x.rank);
  if (x.rank > 0 && d !== x.rank - 1) return transpose(softmaxOver(run, transpose(x, d, -1), -1, null, log), d, -1);
  const out = emptyTensor(run.budget, x.type, x.shape);
  const values = dense(run.budget, x);
  const to = out.storage.data;
  run.budget.compute(to.length * 10);
  const length = x.shape.at(-1) ?? 1;
  softmaxRows(run, values, length, to, log);
  return out;
}

/** The softmax of each row, or its logarithm. */
export function softmaxRows(run: Run, values: Elements, length: number, to: Elements, log: boolean): void {
  if (values instanceof Float32Array && to instanceof Float32Array) {
    run.kernels.layers.softmax(values, length, to);
    if (log) logarithms(values, length, to);
    return;
  }
  for (let start = 0; start < to.length; start += length) {
    let top = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + length; i++) if (values[i] > top || Number.isNaN(values[i])) top = values[i];
    let sum = 0;
    for (let i = start; i < start + length; i++) sum += Math.exp(values[i] - top);
    const shift = top + Math.log(sum);
    for (let i = start; i < start + length; i++) to[i] = log ? values[i] - shift : Math.exp(values[i] - top) / sum;
  }
}

/**
 * The logarithm of each share by way of the largest, m: log pᵢ = xᵢ − xₘ + log pₘ, which stays exact where
 * pᵢ itself is 0.
 */
function logarithms(x: Float32Array, length: number, shares: Float32Array): void {
  for (let start = 0; start < x.length; start += length) {
    let largest = start;
    for (let i = start + 1; i < start + length; i++) if (x[i] > x[largest]) largest = i;
    const shift = Math.log(shares[largest]) - x[largest];
    for (let i = start; i < start + length; i++) shares[i] = x[i] + shift;
  }
}

export function softmax(run: Run, x: StridedTensor, dim: number): StridedTensor {
  return softmaxOver(run, x, dim, null, false);
}

for (const [name, log] of [
  ['softmax', false],
  ['log_softmax', true],
] as const) {
  define(
    `${name}(Tensor self, int dim, dtype? dtype=None)`,
    (run, x: StridedTensor, dim: number, dtype: DType | null) => softmaxOver(run, x, dim, dtype, log),
  );
  const implicit = (run: Run, x: StridedTensor, dim: number | null, _level: Value, dtype: DType | null) =>
    softmaxOver(run, x, dim ?? (x.rank === 0 || x.rank === 1 || x.rank === 3 ? 0 : 1), dtype, log);
  define(`${name}(Tensor input, int? dim=None, any _stacklevel=3, dtype? dtype=None)`, implicit, 'functional');
}
define('_softmax(Tensor self, int dim, bool half_to_float)', (run, x: StridedTensor, dim: number) =>
  softmax(run, x, dim),
);
define(
  'softmin(Tensor input, int? dim=None)',
  (run, x: StridedTensor, dim: number | null) => softmax(run, tensorArithmetic(run, 'mul', x, -1), dim ?? 1),
  'functional',
);

/** Scale and shift of one position; none where the tensor is missing. */
type Affine = ArrayLike<number> | undefined;
const affine = (run: Run, x: StridedTensor | null): Affine => (x === null ? undefined : dense(run.budget, x));

/** Groups of `length` neighbours made mean 0 and variance 1; `scaleAt` picks the scale of a position. */
function normalizeGroups(
  run: Run,
  x: StridedTensor,
  length: number,
  eps: number,
  weight: Affine,
  bias: Affine,
  scaleAt: (i: number) => number,
): StridedTensor {
  const out = emptyTensor(run.budget, x.type, x.shape);
  const values = dense(run.budget, x);
  const to = out.storage.data;
  run.budget.compute(to.length * 6);
  for (let start = 0; start < to.length; start += length) {
    let mean = 0;
    for (let i = start; i < start + length; i++) mean += values[i];
    mean /= length;
    let variance = 0;
    for (let i = start; i < start + length; i++) variance += (values[i] - mean) ** 2;
    const inverse = 1 / Math.sqrt(variance / length + eps);
    for (let i = start; i < start + length; i++) {
      const at = scaleAt(i);
      to[i] =
        (values[i] - mean) * inverse * (weight === undefined ? 1 : weight[at]) + (bias === undefined ? 0 : bias[at]);
    }
  }
  return out;
}

/** The last dimensions must be `shape`, and so must what scales and shifts them. */
function checkNormalized(
  x: StridedTensor,
  shape: readonly number[],
  scales: Readonly<Record<string, StridedTensor | null>>,
) {
  const wanted = shape.join(', ');
  const tail = x.shape.slice(Math.max(0, x.rank - shape.length));
  if (shape.length === 0 || tail.join(', ') !== wanted) {
    throw invalid(
      'E_RUN_SHAPE',
      `Given normalized_shape=[${wanted}], expected input with shape [*, ${wanted}], but got input of size[${x.shape.join(', ')}]`,
    );
  }
  for (const [name, scale] of Object.entries(scales)) {
    if (scale === null || scale.shape.join(', ') === wanted) continue;
    throw invalid(
      'E_RUN_SHAPE',
      `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape [${scale.shape.join(', ')}] and normalized_shape = [${wanted}]`,
    );
  }
}

/** Over the last dimensions, which must be `shape`. */
export function layerNorm(
  run: Run,
  x: StridedTensor,
  shape: number[],
  weight: StridedTensor | null,
  bias: StridedTensor | null,
  eps: number,
): StridedTensor {
  checkNormalized(x, shape, { weight, bias });
  const size = Math.max(numel(shape), 1);
  const scales = { weight: affine(run, weight), bias: affine(run, bias) };
  return (
    normalizeRows(run, x, { size, eps, centered: true, ...scales }) ??
    normalizeGroups(run, x, size, eps, scales.weight, scales.bias, (i) => i % size)
  );
}

/** Rows of float32 normalized by the kernels; undefined for other types. */
function normalizeRows(
  run: Run,
  x: StridedTensor,
  { weight, bias, ...norm }: Omit<Norm, 'weight' | 'bias'> & { readonly weight: Affine; readonly bias: Affine },
): StridedTensor | undefined {
  const values = dense(run.budget, x);
  const float = (one: Affine) => one === undefined || one instanceof Float32Array;
  if (!(values instanceof Float32Array && float(weight) && float(bias))) return undefined;
  const out = emptyTensor(run.budget, x.type, x.shape);
  run.budget.compute(values.length * 6);
  const scales = { weight, bias } as Pick<Norm, 'weight' | 'bias'>;
  run.kernels.layers.normalize(values, { ...norm, ...scales }, out.storage.data as Float32Array);
  return out;
}
define(
  'layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True)',
  layerNorm,
);

define(
  'rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None)',
  (run, x: StridedTensor, shape: number[], weight: StridedTensor | null, given: number | null) => {
    checkNormalized(x, shape, { weight });
    const length = numel(shape);
    const scale = affine(run, weight);
    const eps = given ?? (x.type === 'float64' ? Number.EPSILON : 2 ** -23);
    const fast = normalizeRows(run, x, { size: length, eps, centered: false, weight: scale, bias: undefined });
    if (fast !== undefined) return fast;
    const out = emptyTensor(run.budget, x.type, x.shape);
    const values = dense(run.budget, x);
    run.budget.compute(values.length * 4);
    for (let start = 0; start < values.length; start += length) {
      let squares = 0;
      for (let i = start; i < start + length; i++) squares += values[i] ** 2;
      const inverse = 1 / Math.sqrt(squares / length + eps);
      for (let i = start; i < start + length; i++)
        out.storage.data[i] = values[i] * inverse * (scale === undefined ? 1 : scale[i - start]);
    }
    return out;
  },
);

function groupNorm(
  run: Run,
  x: StridedTensor,
  groups: number,
  weight: StridedTensor | null,
  bias: StridedTensor | null,
  eps: number,
): StridedTensor {
  const channels = x.shape[1];
  if (groups <= 0 || channels % groups !== 0) {
    throw invalid(
      'E_RUN_SHAPE',
      `Expected number of channels in input to be divisible by num_groups, but got input of shape [${x.shape.join(', ')}] and num_groups=${groups}`,
    );
  }
  const inner = numel(x.shape.slice(2));
  return normalizeGroups(
    run,
    x,
    (channels / groups) * inner,
    eps,
    affine(run, weight),
    affine(run, bias),
    (i) => Math.floor(i / inner) % channels,
  );
}
define(
  'group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True)',
  groupNorm,
);

type Optional = StridedTensor | null;

function batchNorm(
  run: Run,
  x: StridedTensor,
  weight: Optional,
  bias: Optional,
  mean: Optional,
  variance: Optional,
  training: boolean,
  eps: number,
): StridedTensor {
  if (training || mean === null || variance === null) {
    if (x.rank < 2) throw invalid('E_RUN_SHAPE', 'batch_norm needs at least 2 dimensions');
    const moved = transpose(x, 0, 1);
    const length = numel(moved.shape.slice(1));
    const flat = normalizeGroups(run, moved, length, eps, affine(run, weight), affine(run, bias), (i) =>
      Math.floor(i / length),
    );
    return transpose(flat, 0, 1);
  }
  const channels = x.shape[1];
  const [m, v] = [dense(run.budget, mean), dense(run.budget, variance)];
  if (m.length !== channels)
    throw invalid('E_RUN_SHAPE', `running_mean should contain ${channels} elements not ${m.length}`);
  const [w, b] = [affine(run, weight), affine(run, bias)];
  const scale = Float64Array.from(v, (one, c) => (w === undefined ? 1 : w[c]) / Math.sqrt(one + eps));
  const out = emptyTensor(run.budget, x.type, x.shape);
  const values = dense(run.budget, x);
  run.budget.compute(values.length * 2);
  const inner = numel(x.shape.slice(2));
  for (let start = 0, c = 0; start < values.length; start += inner, c = (c + 1) % channels) {
    const shift = b === undefined ? 0 : b[c];
    for (let i = start; i < start + inner; i++) out.storage.data[i] = (values[i] - m[c]) * scale[c] + shift;
  }
  return out;
}
define(
  'batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled=True)',
  (
    run,
    x: StridedTensor,
    w: Optional,
    b: Optional,
    m: Optional,
    v: Optional,
    training: boolean,
    _momentum: number,
    eps: number,
  ) => batchNorm(run, x, w, b, m, v, training, eps),
);
define(
  'batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, bool training=False, float momentum=0.1, float eps=1e-05)',
  (
    run,
    x: StridedTensor,
    m: Optional,
    v: Optional,
    w: Optional,
    b: Optional,
    training: boolean,
    _momentum: number,
    eps: number,
  ) => batchNorm(run, x, w, b, m, v, training, eps),
  'functional',
);

function instanceNorm(
  run: Run,
  x: StridedTensor,
  w: Optional,
  b: Optional,
  m: Optional,
  v: Optional,
  useInput: boolean,
  eps: number,
): StridedTensor {
  return useInput || m === null ? groupNorm(run, x, x.shape[1], w, b, eps) : batchNorm(run, x, w, b, m, v, false, eps);
}
define(
  'instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled)',
  (
    run,
    x: StridedTensor,
    w: Optional,
    b: Optional,
    m: Optional,
    v: Optional,
    useInput: boolean,
    _momentum: number,
    eps: number,
  ) => instanceNorm(run, x, w, b, m, v, useInput, eps),
);
define(
  'instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None, Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float eps=1e-05)',
  (
    run,
    x: StridedTensor,
    m: Optional,
    v: Optional,
    w: Optional,
    b: Optional,
    useInput: boolean,
    _momentum: number,
    eps: number,
  ) => instanceNorm(run, x, w, b, m, v, useInput, eps),
  'functional',
);

define(
  'normalize(Tensor input, float p=2, int dim=1, float eps=1e-12)',
  (run, x: StridedTensor, p: number, dim: number, eps: number) => {
    const size = norm(run, x, p, [dim], true);
    for (let i = 0; i < size.storage.data.length; i++) size.storage.data[i] = Math.max(size.storage.data[i], eps);
    return tensorArithmetic(run, 'div', x, size);
  },
  'functional',
);
define(
  'cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08)',
  (run, a: StridedTensor, b: StridedTensor, dim: number, eps: number) => {
    const dot = tensorArithmetic(run, 'mul', a, b);
    const [na, nb] = [a, b].map((one) => {
      const size = norm(run, one, 2, [dim], true);
      for (let i = 0; i < size.storage.data.length; i++) size.storage.data[i] = Math.max(size.storage.data[i], eps);
      return size;
    });
    const ratio = tensorArithmetic(run, 'div', tensorArithmetic(run, 'div', dot, na), nb);
    return sumOver(run, ratio, dim);
  },
);
alias('cosine_similarity', 'cosine_similarity', 'functional');

function sumOver(run: Run, x: StridedTensor, dim: number): StridedTensor {
  return reduce(run, x, [dim], false, x.type, (values, start, end) => {
    let sum = 0;
    for (let i = start; i < end; i++) sum += values[i];
    return sum;
  });
}
