import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { newElements } from '../values/elements';
import { dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { product } from './matrix';
import { padConstant } from './padding';
import { select, unsqueeze } from './shape';
import { define } from './table';

/** Convolutions of 1 to 3 dimensions: patches to rows (im2col), then one matrix product a group. */

export interface Geometry {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** A value for each spatial dimension; a single one counts for all. */
export function perDimension(given: readonly number[], count: number): number[] {
  return given.length === count ? [...given] : new Array<number>(count).fill(given[0] ?? 0);
}

function checkGeometry({ stride, padding, dilation }: Geometry): void {
  if (padding.some((one) => one < 0)) throw invalid('E_RUN_ARGUMENT', 'negative padding is not supported');
  if (stride.some((one) => one <= 0) || dilation.some((one) => one <= 0)) {
    throw invalid('E_RUN_ARGUMENT', 'non-positive stride or dilation is not supported');
  }
}

function checkOperands(x: StridedTensor, weight: StridedTensor, bias: StridedTensor | null, outChannels: number): void {
  if (x.type !== weight.type)
    throw invalid('E_RUN_TYPE', `Input type (${x.dtype}) and weight type (${weight.dtype}) should be the same`);
  if (bias !== null && (bias.rank !== 1 || bias.count !== outChannels))
    throw invalid(
      'E_RUN_SHAPE',
      `Given weight of size [${weight.shape.join(', ')}], expected bias to be 1-dimensional with ${outChannels} elements, but got bias of size [${bias.shape.join(', ')}] instead`,
    );
}

/** Positions of a window on one axis: output size. */
export function windowCount(size: number, kernel: number, stride: number, padding: number, dilation: number): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Calls back for every pair of output position and kernel position that lies inside the input: (output, kernel, input), all row-major. */
function forEachTap(
  inSize: readonly number[],
  outSize: readonly number[],
  kernel: readonly number[],
  { stride, padding, dilation }: Geometry,
  tap: (out: number, k: number, at: number) => void,
): void {
  const dims = inSize.length;
  const outs = numel(outSize);
  const taps = numel(kernel);
  for (let o = 0; o < outs; o++) {
    for (let k = 0; k < taps; k++) {
      let at = 0;
      let scale = 1;
      let restO = o;
      let restK = k;
      let inside = true;
      for (let d = dims - 1; d >= 0; d--) {
        const position = (restO % outSize[d]) * stride[d] - padding[d] + (restK % kernel[d]) * dilation[d];
        if (position < 0 || position >= inSize[d]) {
          inside = false;
          break;
        }
        at += position * scale;
        scale *= inSize[d];
        restO = Math.floor(restO / outSize[d]);
        restK = Math.floor(restK / kernel[d]);
      }
      if (inside) tap(o, k, at);
    }
  }
}

/** The taps as three flat lists, made once for all channels and batches. */
export function tapTable(
  run: Run,
  inSize: readonly number[],
  outSize: readonly number[],
  kernel: readonly number[],
  geometry: Geometry,
): Int32Array {
  const most = numel(outSize) * numel(kernel) * 3;
  run.budget.allocate(most * 4);
  run.budget.compute(most);
  const table = new Int32Array(most);
  let n = 0;
  forEachTap(inSize, outSize, kernel, geometry, (o, k, at) => {
    table[n++] = o;
    table[n++] = k;
    table[n++] = at;
  });
  return table.subarray(0, n);
}

export function convolution(
  run: Run,
  x: StridedTensor,
  weight: StridedTensor,
  bias: StridedTensor | null,
  given: Geometry,
  groups: number,
): StridedTensor {
  const spatial = weight.rank - 2;
  if (x.rank === weight.rank - 1) {
    const out = convolution(run, batchOfOne(x), weight, bias, given, groups);
    return dropBatch(out);
  }
  const [batch, channels, ...inSize] = x.shape;
  const [outChannels, perGroup, ...kernel] = weight.shape;
  const geometry = spread(given, spatial);
  checkGeometry(geometry);
  if (x.rank !== weight.rank || groups <= 0 || channels !== perGroup * groups || outChannels % groups !== 0) {
    throw invalid(
      'E_RUN_SHAPE',
      `Given groups=${groups}, weight of size [${weight.shape.join(', ')}], expected input[${x.shape.join(', ')}] to have ${perGroup * groups} channels, but got ${channels} channels instead`,
    );
  }
  checkOperands(x, weight, bias, outChannels);
  const outSize = inSize.map((size, d) =>
    windowCount(size, kernel[d], geometry.stride[d], geometry.padding[d], geometry.dilation[d]),
  );
  if (outSize.some((size) => size <= 0))
    throw invalid(
      'E_RUN_SHAPE',
      `Calculated padded input size is smaller than the kernel size (${kernel.join(' x ')}).`,
    );
  const out = emptyTensor(run.budget, x.type, [batch, outChannels, ...outSize]);
  const [positions, taps, inCount] = [numel(outSize), numel(kernel), numel(inSize)];
  run.budget.compute(batch * outChannels * positions * perGroup * taps);
  const table = tapTable(run, inSize, outSize, kernel, geometry);
  const width = perGroup * taps;
  run.budget.allocate(positions * width * 4);
  const columns = newElements(x.type, positions * width);
  const [values, weights] = [dense(run.budget, x), dense(run.budget, weight)];
  const shift = bias === null ? undefined : dense(run.budget, bias);
  const perOut = outChannels / groups;
  const result = newElements(x.type, positions * perOut);
  for (let b = 0; b < batch; b++) {
    for (let g = 0; g < groups; g++) {
      run.budget.compute(positions * width);
      for (let c = 0; c < perGroup; c++) {
        const base = (b * channels + g * perGroup + c) * inCount;
        for (let t = 0; t < table.length; t += 3)
          columns[table[t] * width + c * taps + table[t + 1]] = values[base + table[t + 2]];
      }
      const from = g * perOut;
      product(
        run,
        x.type,
        columns,
        weights.subarray(from * width, (from + perOut) * width),
        shift?.subarray(from, from + perOut),
        [positions, perOut, width],
        result,
      );
      const start = (b * outChannels + from) * positions;
      for (let o = 0; o < perOut; o++)
        for (let p = 0; p < positions; p++) out.storage.data[start + o * positions + p] = result[p * perOut + o];
    }
  }
  return out;
}

/** The transpose of a convolution: every input spreads over the outputs that its windows would read. */
export function transposedConvolution(
  run: Run,
  x: StridedTensor,
  weight: StridedTensor,
  bias: StridedTensor | null,
  given: Geometry,
  outputPadding: readonly number[],
  groups: number,
): StridedTensor {
  const spatial = weight.rank - 2;
  if (x.rank === weight.rank - 1)
    return dropBatch(transposedConvolution(run, batchOfOne(x), weight, bias, given, outputPadding, groups));
  const [batch, channels, ...inSize] = x.shape;
  const [inChannels, perGroup, ...kernel] = weight.shape;
  const geometry = spread(given, spatial);
  checkGeometry(geometry);
  if (x.rank !== weight.rank || channels !== inChannels || groups <= 0 || channels % groups !== 0)
    throw invalid(
      'E_RUN_SHAPE',
      `expected input[${x.shape.join(', ')}] to have ${inChannels} channels, but got ${channels} channels instead`,
    );
  const outChannels = perGroup * groups;
  checkOperands(x, weight, bias, outChannels);
  const extra = perDimension(outputPadding, spatial);
  if (extra.some((one, d) => one < 0 || (one >= geometry.stride[d] && one >= geometry.dilation[d])))
    throw invalid('E_RUN_ARGUMENT', 'output padding must be smaller than either stride or dilation');
  const outSize = inSize.map(
    (size, d) =>
      (size - 1) * geometry.stride[d] - 2 * geometry.padding[d] + geometry.dilation[d] * (kernel[d] - 1) + extra[d] + 1,
  );
  if (outSize.some((size) => size <= 0))
    throw invalid(
      'E_RUN_SHAPE',
      `Given input size per channel: (${inSize.join(' x ')}). Calculated output size per channel: (${outSize.join(' x ')}). Output size is too small`,
    );
  const out = emptyTensor(run.budget, x.type, [batch, outChannels, ...outSize]);
  const [inCount, outCount, taps] = [numel(inSize), numel(outSize), numel(kernel)];
  run.budget.compute(batch * channels * inCount * perGroup * taps);
  // The taps of the forward convolution from the output's size to the input's, read backwards.
  const table = tapTable(run, outSize, inSize, kernel, geometry);
  const [values, weights] = [dense(run.budget, x), dense(run.budget, weight)];
  const sums = new Float64Array(outCount);
  const shift = bias === null ? undefined : dense(run.budget, bias);
  const inPerGroup = channels / groups;
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outChannels; o++) {
      sums.fill(shift === undefined ? 0 : shift[o]);
      const g = Math.floor(o / perGroup);
      run.budget.compute(outCount);
      for (let c = g * inPerGroup; c < (g + 1) * inPerGroup; c++) {
        const [from, w] = [(b * channels + c) * inCount, (c * perGroup + (o % perGroup)) * taps];
        for (let t = 0; t < table.length; t += 3)
          sums[table[t + 2]] += values[from + table[t]] * weights[w + table[t + 1]];
      }
      out.storage.data.set(sums, (b * outChannels + o) * outCount);
    }
  }
  return out;
}

function spread({ stride, padding, dilation }: Geometry, spatial: number): Geometry {
  return {
    stride: perDimension(stride, spatial),
    padding: perDimension(padding, spatial),
    dilation: perDimension(dilation, spatial),
  };
}

const batchOfOne = (x: StridedTensor) => unsqueeze(x, 0);
const dropBatch = (x: StridedTensor) => select(x, 0, 0);

type Optional = StridedTensor | null;
for (const name of ['_convolution', 'convolution']) {
  const tail =
    name === '_convolution'
      ? ', bool benchmark=False, bool deterministic=False, bool cudnn_enabled=True, bool allow_tf32=True'
      : '';
  define(
    `${name}(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups${tail})`,
    (
      run,
      x: StridedTensor,
      w: StridedTensor,
      b: Optional,
      stride: number[],
      padding: number[],
      dilation: number[],
      transposed: boolean,
      outputPadding: number[],
      groups: number,
    ) => {
      const geometry = { stride, padding, dilation };
      return transposed
        ? transposedConvolution(run, x, w, b, geometry, outputPadding, groups)
        : convolution(run, x, w, b, geometry, groups);
    },
  );
}
for (const n of [1, 2, 3]) {
  define(
    `conv${n}d(Tensor input, Tensor weight, Tensor? bias=None, int[${n}] stride=1, int[${n}] padding=0, int[${n}] dilation=1, int groups=1)`,
    (
      run,
      x: StridedTensor,
      w: StridedTensor,
      b: Optional,
      stride: number[],
      padding: number[],
      dilation: number[],
      groups: number,
    ) => convolution(run, x, w, b, { stride, padding, dilation }, groups),
  );
  define(
    `conv${n}d(Tensor input, Tensor weight, Tensor? bias=None, int[${n}] stride=1, str padding="valid", int[${n}] dilation=1, int groups=1)`,
    convolutionByMode,
  );
  define(
    `conv_transpose${n}d(Tensor input, Tensor weight, Tensor? bias=None, int[${n}] stride=1, int[${n}] padding=0, int[${n}] output_padding=0, int groups=1, int[${n}] dilation=1)`,
    (
      run,
      x: StridedTensor,
      w: StridedTensor,
      b: Optional,
      stride: number[],
      padding: number[],
      outputPadding: number[],
      groups: number,
      dilation: number[],
    ) => transposedConvolution(run, x, w, b, { stride, padding, dilation }, outputPadding, groups),
  );
}

/** `padding` is a word: "valid" or "same". */
function convolutionByMode(
  run: Run,
  x: StridedTensor,
  w: StridedTensor,
  b: Optional,
  stride: number[],
  padding: string,
  dilation: number[],
  groups: number,
): StridedTensor {
  if (padding === 'same' && stride.some((one) => one !== 1))
    throw invalid('E_RUN_ARGUMENT', "padding='same' is not supported for strided convolutions");
  return convolution(run, ...same(run, x, w, padding, dilation), b, { stride, padding: [0], dilation }, groups);
}

/** padding="same": zeros around, one more at the end where the number is odd. */
function same(
  run: Run,
  x: StridedTensor,
  w: StridedTensor,
  padding: string,
  dilation: readonly number[],
): [StridedTensor, StridedTensor] {
  if (padding === 'valid') return [x, w];
  if (padding !== 'same')
    throw invalid('E_RUN_ARGUMENT', `Invalid padding string: ${JSON.stringify(padding.slice(0, 20))}`);
  const kernel = w.shape.slice(2);
  const steps = perDimension(dilation, kernel.length);
  const pads = kernel.flatMap((_, i) => {
    const d = kernel.length - 1 - i;
    const total = steps[d] * (kernel[d] - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  });
  return [padConstant(run, x, pads, 0), w];
}
define(
  '_convolution_mode(Tensor input, Tensor weight, Tensor? bias, int[] stride, str padding, int[] dilation, int groups)',
  convolutionByMode,
);
