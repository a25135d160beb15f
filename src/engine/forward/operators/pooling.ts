import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { PyTuple, type Value } from '../values/values';
import { perDimension } from './convolution';
import { define } from './table';

/** Pooling over windows and bins, of 1 to 3 dimensions. */

interface Window {
  readonly start: number;
  readonly end: number;
  /** The size that an average divides by when padding counts. */
  readonly padded: number;
}

/** The windows of one axis. */
function windows(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
  ceil: boolean,
): Window[] {
  if (kernel <= 0 || stride <= 0 || dilation <= 0 || padding < 0 || padding > kernel / 2) {
    throw invalid(
      'E_RUN_ARGUMENT',
      'pad should be non-negative and at most half of effective kernel size, kernel and stride positive',
    );
  }
  const span = size + 2 * padding - dilation * (kernel - 1) - 1;
  let count = (ceil ? Math.ceil(span / stride) : Math.floor(span / stride)) + 1;
  // A last window that would start in the padding is dropped.
  if (ceil && (count - 1) * stride >= size + padding) count--;
  if (count <= 0) throw invalid('E_RUN_SHAPE', 'Output size is too small');
  return Array.from({ length: count }, (_, i) => {
    const start = i * stride - padding;
    const end = Math.min(start + dilation * (kernel - 1) + 1, size + padding);
    return { start, end, padded: end - start };
  });
}

/** Bins floor(i·S/O) … ceil((i+1)·S/O). */
function bins(size: number, count: number): Window[] {
  return Array.from({ length: count }, (_, i) => {
    const [start, end] = [Math.floor((i * size) / count), Math.ceil(((i + 1) * size) / count)];
    return { start, end, padded: end - start };
  });
}

type Visit = (values: ArrayLike<number>, positions: readonly number[], padded: number) => readonly [number, number];

/** Pools the last axes.length dimensions; `visit` gives value and index of one window. */
function pool(
  run: Run,
  x: StridedTensor,
  axes: readonly (readonly Window[])[],
  dilation: readonly number[],
  visit: Visit,
): [StridedTensor, StridedTensor] {
  const n = axes.length;
  if (x.rank < n + 1) throw invalid('E_RUN_SHAPE', `Expected ${n + 1}D or ${n + 2}D input, got ${x.rank}D`);
  const size = x.shape.slice(x.rank - n);
  const shape = [...x.shape.slice(0, x.rank - n), ...axes.map((axis) => axis.length)];
  const out = emptyTensor(run.budget, x.type, shape);
  const indices = emptyTensor(run.budget, 'int64', shape);
  const values = dense(run.budget, x);
  const outCount = numel(axes.map((axis) => axis.length));
  const inCount = numel(size);
  const cells: { positions: number[]; padded: number }[] = [];
  run.budget.items(0);
  for (let o = 0; o < outCount; o++) {
    let rest = o;
    let positions = [0];
    let padded = 1;
    let scale = 1;
    for (let d = n - 1; d >= 0; d--) {
      const window = axes[d][rest % axes[d].length];
      rest = Math.floor(rest / axes[d].length);
      const own: number[] = [];
      for (let at = window.start; at < window.end; at += dilation[d]) if (at >= 0 && at < size[d]) own.push(at * scale);
      const before = positions;
      positions = own.flatMap((at) => before.map((p) => at + p));
      padded *= window.padded;
      scale *= size[d];
    }
    run.budget.compute(positions.length * 4);
    cells.push({ positions: positions.sort((a, b) => a - b), padded });
  }
  const planes = numel(shape.slice(0, shape.length - n));
  for (let plane = 0; plane < planes; plane++) {
    const slice = values.subarray(plane * inCount, (plane + 1) * inCount);
    for (let o = 0; o < outCount; o++) {
      run.budget.compute(cells[o].positions.length);
      const [value, at] = visit(slice, cells[o].positions, cells[o].padded);
      out.storage.data[plane * outCount + o] = value;
      indices.storage.data[plane * outCount + o] = at;
    }
  }
  return [out, indices];
}

const largest: Visit = (values, positions) => {
  let best = positions[0] ?? -1;
  for (const at of positions) if (values[at] > values[best] || Number.isNaN(values[at])) best = at;
  return [best < 0 ? Number.NEGATIVE_INFINITY : values[best], best];
};

function average(divide: (count: number, padded: number) => number): Visit {
  return (values, positions, padded) => {
    let sum = 0;
    for (const at of positions) sum += values[at];
    return [sum / divide(positions.length, padded), 0];
  };
}

for (const n of [1, 2, 3]) {
  const maxPool = (
    run: Run,
    x: StridedTensor,
    kernel: number[],
    stride: number[] | null,
    padding: number[],
    dilation: number[],
    ceil: boolean,
  ) => {
    const [k, p, d] = [kernel, padding, dilation].map((one) => perDimension(one, n));
    const s = stride === null || stride.length === 0 ? k : perDimension(stride, n);
    const size = x.shape.slice(x.rank - n);
    return pool(
      run,
      x,
      size.map((one, i) => windows(one, k[i], s[i], p[i], d[i], ceil)),
      d,
      largest,
    );
  };
  define(
    `max_pool${n}d(Tensor input, int[${n}] kernel_size, int[${n}]? stride=None, int[${n}] padding=0, int[${n}] dilation=1, bool ceil_mode=False, bool return_indices=False)`,
    (
      run,
      x: StridedTensor,
      k: number[],
      s: number[] | null,
      p: number[],
      d: number[],
      ceil: boolean,
      indices: boolean,
    ) => {
      const both = maxPool(run, x, k, s, p, d, ceil);
      return indices ? new PyTuple(both) : both[0];
    },
  );
  define(
    `max_pool${n}d_with_indices(Tensor input, int[${n}] kernel_size, int[${n}]? stride=None, int[${n}] padding=0, int[${n}] dilation=1, bool ceil_mode=False)`,
    (run, x: StridedTensor, k: number[], s: number[] | null, p: number[], d: number[], ceil: boolean) =>
      new PyTuple(maxPool(run, x, k, s, p, d, ceil)),
  );
  define(
    `avg_pool${n}d(Tensor input, int[${n}] kernel_size, int[${n}]? stride=None, int[${n}] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None)`,
    (
      run,
      x: StridedTensor,
      kernel: number[],
      stride: number[] | null,
      padding: number[],
      ceil: boolean,
      includePad: boolean,
      divisor: number | null,
    ) => {
      const [k, p] = [kernel, padding].map((one) => perDimension(one, n));
      const s = stride === null || stride.length === 0 ? k : perDimension(stride, n);
      const size = x.shape.slice(x.rank - n);
      const axes = size.map((one, i) => windows(one, k[i], s[i], p[i], 1, ceil));
      return pool(
        run,
        x,
        axes,
        new Array<number>(n).fill(1),
        average((count, padded) => divisor ?? (includePad ? padded : count)),
      )[0];
    },
  );
  const adaptive = (visit: Visit) => (run: Run, x: StridedTensor, given: Value) => {
    const items =
      typeof given === 'number'
        ? [given]
        : given !== null && typeof given === 'object' && 'items' in given
          ? given.items
          : [];
    const sizes = items.length === n ? items : new Array<Value>(n).fill(items[0] ?? null);
    const axes = x.shape.slice(x.rank - n).map((size, d) => {
      const count = sizes[d];
      if (count !== null && !(typeof count === 'number' && count >= 0))
        throw invalid('E_RUN_ARGUMENT', 'output_size must be made of ints or None');
      run.budget.items(count ?? size);
      return bins(size, count ?? size);
    });
    return pool(run, x, axes, new Array<number>(n).fill(1), visit);
  };
  const [averages, maxima] = [adaptive(average((count) => count)), adaptive(largest)];
  define(
    `adaptive_avg_pool${n}d(Tensor self, any output_size)`,
    (run, x: StridedTensor, size: Value) => averages(run, x, size)[0],
  );
  define(
    `adaptive_max_pool${n}d(Tensor self, any output_size)`,
    (run, x: StridedTensor, size: Value) => new PyTuple(maxima(run, x, size)),
  );
  define(
    `adaptive_max_pool${n}d(Tensor input, any output_size, bool return_indices=False)`,
    (run, x: StridedTensor, size: Value, indices: boolean) => {
      const both = maxima(run, x, size);
      return indices ? new PyTuple(both) : both[0];
    },
    'functional',
  );
}
