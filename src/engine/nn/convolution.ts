import { invalid } from '../../core/errors';
import { numel } from '../../core/shape';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import type { ForwardContext } from './forwardContext';
import { outputPositions, Windows } from './windows';

/** Convolutions of one to three dimensions as products of unrolled windows with the kernel (im2col). */

export interface ConvolutionOptions {
  /** One entry a spatial dimension. */
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  /** Zeros, or what the mode says, before and after each spatial dimension. */
  readonly padding: readonly { readonly before: number; readonly after: number }[];
  readonly paddingMode: string;
}

/** input [batch, in, …] or [in, …]; weight [out, in / groups, …kernel]. */
export function convolution(
  input: FloatTensor,
  weight: FloatTensor,
  bias: FloatTensor | undefined,
  options: ConvolutionOptions,
  context: ForwardContext,
): FloatTensor {
  const dimensions = options.stride.length;
  const [outChannels, perGroup, ...kernel] = weight.shape;
  const x = batched(input, dimensions, perGroup * options.groups);
  const [batch, channels, ...sizes] = x.shape;
  const output = outputPositions(sizes, kernel, options);
  const windows = new Windows(sizes, kernel, output, options);
  const positions = numel(output);
  const taps = numel(kernel);
  const groupOut = outChannels / options.groups;
  const columns = new Float32Array(positions * perGroup * taps);
  const products = new Float32Array(positions * groupOut);
  const out = new Float32Array(batch * outChannels * positions);
  const inner = numel(sizes);
  for (let b = 0; b < batch; b++) {
    for (let group = 0; group < options.groups; group++) {
      context.abort.throwIfAborted();
      const first = b * channels + group * perGroup;
      unroll(x.data, first, perGroup, inner, windows, columns);
      const rows = weight.data.subarray(group * groupOut * perGroup * taps, (group + 1) * groupOut * perGroup * taps);
      const shift = bias?.data.subarray(group * groupOut, (group + 1) * groupOut);
      context.kernels.gemmFloat(columns, rows, shift, positions, groupOut, perGroup * taps, products);
      const at = (b * outChannels + group * groupOut) * positions;
      for (let o = 0; o < groupOut; o++) {
        for (let p = 0; p < positions; p++) out[at + o * positions + p] = products[p * groupOut + o];
      }
    }
  }
  const shape = [outChannels, ...output];
  return floatTensor(out, input.shape.length === dimensions + 1 ? shape : [batch, ...shape]);
}

/** One row a position: the values under the kernel, channel by channel. */
function unroll(
  data: Float32Array,
  first: number,
  channels: number,
  inner: number,
  windows: Windows,
  columns: Float32Array,
): void {
  let at = 0;
  for (let p = 0; p < windows.positions; p++) {
    for (let c = 0; c < channels; c++) {
      const start = (first + c) * inner;
      for (let tap = 0; tap < windows.taps; tap++) {
        const source = windows.source(p, tap);
        columns[at++] = source < 0 ? 0 : data[start + source];
      }
    }
  }
}

export interface TransposedOptions {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** The gradient of a convolution: every input value adds a scaled kernel to the output. weight [in, out / groups, …kernel]. */
export function transposedConvolution(
  input: FloatTensor,
  weight: FloatTensor,
  bias: FloatTensor | undefined,
  options: TransposedOptions,
): FloatTensor {
  const { stride, padding, outputPadding, dilation, groups } = options;
  const [inChannels, groupOut, ...kernel] = weight.shape;
  const x = batched(input, stride.length, inChannels);
  const [batch, , ...sizes] = x.shape;
  const output = sizes.map(
    (size, d) => (size - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + outputPadding[d] + 1,
  );
  if (output.some((size) => size <= 0))
    throw invalid('E_SHAPE', `The output of this convolution would have shape [${output.join(', ')}].`);
  const outChannels = groupOut * groups;
  const positions = numel(output);
  const taps = numel(kernel);
  const inner = numel(sizes);
  const sums = new Float64Array(batch * outChannels * positions);
  const targets = targetsOf(sizes, kernel, output, options);
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < inChannels; c++) {
      const group = Math.floor(c / (inChannels / groups));
      for (let o = 0; o < groupOut; o++) {
        const at = (b * outChannels + group * groupOut + o) * positions;
        const w = (c * groupOut + o) * taps;
        for (let i = 0; i < inner; i++) {
          const value = x.data[(b * inChannels + c) * inner + i];
          for (let tap = 0; tap < taps; tap++) {
            const target = targets[i * taps + tap];
            if (target >= 0) sums[at + target] += value * weight.data[w + tap];
          }
        }
      }
    }
  }
  const out = Float32Array.from(sums, (sum, i) => sum + (bias?.data[Math.floor(i / positions) % outChannels] ?? 0));
  const shape = [outChannels, ...output];
  return floatTensor(out, input.shape.length === stride.length + 1 ? shape : [batch, ...shape]);
}

/** Where input position i and kernel tap t land in the output, or −1. */
function targetsOf(
  sizes: readonly number[],
  kernel: readonly number[],
  output: readonly number[],
  { stride, padding, dilation }: TransposedOptions,
): Int32Array {
  const taps = numel(kernel);
  const targets = new Int32Array(numel(sizes) * taps);
  for (let i = 0; i < targets.length; i++) {
    let position = Math.floor(i / taps);
    let tap = i % taps;
    let target = 0;
    let step = 1;
    for (let d = sizes.length - 1; d >= 0; d--) {
      const at = (position % sizes[d]) * stride[d] - padding[d] + (tap % kernel[d]) * dilation[d];
      position = Math.floor(position / sizes[d]);
      tap = Math.floor(tap / kernel[d]);
      target = at < 0 || at >= output[d] || target < 0 ? -1 : target + at * step;
      step *= output[d];
    }
    targets[i] = target;
  }
  return targets;
}

/** [in, …] as [1, in, …]; the channels must be those of the kernel. */
function batched(input: FloatTensor, dimensions: number, channels: number): FloatTensor {
  const { shape } = input;
  const x = shape.length === dimensions + 1 ? { ...input, shape: [1, ...shape] } : input;
  if (x.shape.length !== dimensions + 2) {
    throw invalid(
      'E_SHAPE',
      `Expected ${dimensions + 1}D (unbatched) or ${dimensions + 2}D (batched) input to conv${dimensions}d, but got input of size: [${shape.join(', ')}]`,
    );
  }
  if (x.shape[1] !== channels) {
    throw invalid(
      'E_SHAPE',
      `expected input[${x.shape.join(', ')}] to have ${channels} channels, but got ${x.shape[1]} channels instead`,
    );
  }
  return x;
}
