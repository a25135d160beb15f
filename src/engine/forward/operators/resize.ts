import { invalid, unsupported } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dense, emptyTensor, StridedTensor } from '../values/stridedTensor';
import { PyFloat, PyList, PyTuple, type Value } from '../values/values';
import { define } from './table';

/** Up- and downsampling: every axis is resized by itself, as a weighted sum of source positions. */

/** Source positions and weights of each output position of an axis. */
type Axis = readonly (readonly (readonly [at: number, weight: number])[])[];

function nearest(size: number, out: number, scale: number): Axis {
  return Array.from({ length: out }, (_, i) => [[Math.min(Math.floor(i * scale), size - 1), 1] as const]);
}

function linearAxis(size: number, out: number, scale: number, align: boolean): Axis {
  return Array.from({ length: out }, (_, i) => {
    const source = align ? (out > 1 ? (i * (size - 1)) / (out - 1) : 0) : Math.max((i + 0.5) * scale - 0.5, 0);
    const low = Math.min(Math.floor(source), size - 1);
    const weight = source - low;
    return [[low, 1 - weight] as const, [Math.min(low + 1, size - 1), weight] as const];
  });
}

function cubicAxis(size: number, out: number, scale: number, align: boolean): Axis {
  const a = -0.75;
  const near = (t: number) => ((a + 2) * t - (a + 3)) * t * t + 1;
  const far = (t: number) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return Array.from({ length: out }, (_, i) => {
    const source = align ? (out > 1 ? (i * (size - 1)) / (out - 1) : 0) : (i + 0.5) * scale - 0.5;
    const low = Math.floor(source);
    const t = source - low;
    const weights = [far(t + 1), near(t), near(1 - t), far(2 - t)];
    return weights.map((weight, k) => [Math.min(Math.max(low - 1 + k, 0), size - 1), weight] as const);
  });
}

function resizeAxis(run: Run, x: StridedTensor, d: number, axis: Axis): StridedTensor {
  const shape = x.shape.map((size, i) => (i === d ? axis.length : size));
  const out = emptyTensor(run.budget, x.type, shape);
  const values = dense(run.budget, x);
  const inner = numel(x.shape.slice(d + 1));
  const outer = numel(x.shape.slice(0, d));
  run.budget.compute(out.count * (axis[0]?.length ?? 1));
  for (let o = 0; o < outer; o++) {
    for (const [i, sources] of axis.entries()) {
      const to = (o * axis.length + i) * inner;
      for (let k = 0; k < inner; k++) {
        let sum = 0;
        for (const [at, weight] of sources) sum += values[(o * x.shape[d] + at) * inner + k] * weight;
        out.storage.data[to + k] = sum;
      }
    }
  }
  return out;
}

type Mode = 'nearest' | 'nearest-exact' | 'linear' | 'cubic';

/** Sizes, or factors where no size is given; `recompute` takes the factors from the sizes that they give. */
function resize(
  run: Run,
  x: StridedTensor,
  sizes: readonly number[] | null,
  factors: readonly number[] | null,
  mode: Mode,
  align: boolean,
  recompute = false,
): StridedTensor {
  const spatial = x.rank - 2;
  if (spatial < 1)
    throw invalid(
      'E_RUN_SHAPE',
      `Input and output must have the same number of spatial dimensions, got input of size [${x.shape.join(', ')}]`,
    );
  let result = x;
  for (let i = 0; i < spatial; i++) {
    const d = i + 2;
    const size = x.shape[d];
    const factor = factors === null ? undefined : (factors[i] ?? factors[0]);
    const out = sizes === null ? Math.floor(size * (factor ?? 1)) : (sizes[i] ?? sizes[0]);
    if (!(out > 0))
      throw invalid(
        'E_RUN_SHAPE',
        `Input and output sizes should be greater than 0, but got input ${size}, output ${out}`,
      );
    run.budget.items(out);
    const scale = sizes === null && factor !== undefined && !recompute ? 1 / factor : size / out;
    const axis =
      mode === 'linear'
        ? linearAxis(size, out, scale, align)
        : mode === 'cubic'
          ? cubicAxis(size, out, scale, align)
          : mode === 'nearest-exact'
            ? Array.from({ length: out }, (_, k) => [[Math.min(Math.floor((k + 0.5) * scale), size - 1), 1] as const])
            : nearest(size, out, scale);
    result = resizeAxis(run, result, d, axis);
  }
  return result;
}

function numbers(value: Value): number[] | null {
  if (value === null) return null;
  const items = value instanceof PyList || value instanceof PyTuple ? value.items : [value];
  return items.map((item) =>
    item instanceof PyFloat
      ? item.value
      : item instanceof StridedTensor
        ? item.storage.data[item.offset]
        : Number(item),
  );
}

for (const [n, name] of [
  [1, 'linear1d'],
  [2, 'bilinear2d'],
  [3, 'trilinear3d'],
] as const) {
  define(
    `upsample_${name}(Tensor input, any output_size, bool align_corners, any scale_factors=None, any scales_w=None)`,
    (run, x: StridedTensor, sizes: Value, align: boolean, factors: Value) =>
      resize(run, x, numbers(sizes), numbers(factors), 'linear', align),
  );
  define(
    `upsample_nearest${n}d(Tensor input, any output_size, any scale_factors=None, any scales_w=None)`,
    (run, x: StridedTensor, sizes: Value, factors: Value) =>
      resize(run, x, numbers(sizes), numbers(factors), 'nearest', false),
  );
}
define(
  'upsample_bicubic2d(Tensor input, any output_size, bool align_corners, any scale_factors=None, any scales_w=None)',
  (run, x: StridedTensor, sizes: Value, align: boolean, factors: Value) =>
    resize(run, x, numbers(sizes), numbers(factors), 'cubic', align),
);

const modes: Readonly<Record<string, Mode>> = {
  nearest: 'nearest',
  'nearest-exact': 'nearest-exact',
  linear: 'linear',
  bilinear: 'linear',
  trilinear: 'linear',
  bicubic: 'cubic',
};
define(
  'interpolate(Tensor input, any size=None, any scale_factor=None, str mode="nearest", bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False)',
  (
    run,
    x: StridedTensor,
    size: Value,
    factor: Value,
    mode: string,
    align: boolean | null,
    recompute: boolean | null,
    antialias: boolean,
  ) => {
    if (antialias) throw unsupported('E_RUN_ARGUMENT', 'interpolate does not know antialias=True here');
    if (recompute === true && size !== null)
      throw invalid('E_RUN_ARGUMENT', 'recompute_scale_factor is not meaningful with an explicit size.');
    if (!Object.hasOwn(modes, mode))
      throw invalid('E_RUN_ARGUMENT', `interpolate does not know mode ${JSON.stringify(mode.slice(0, 20))} here`);
    return resize(run, x, numbers(size), numbers(factor), modes[mode], align ?? false, recompute ?? false);
  },
  'functional',
);
