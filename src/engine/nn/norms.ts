import { invalid } from '../../core/errors';
import { numel } from '../../core/shape';
import type { LayerKernels, Norm } from '../kernels/layerKernels';
import { type FloatTensor, floatTensor } from '../tensor/tensor';

/** Normalizations: means and variances in double, one rounding at the end. */

/** Scale and shift of each element or channel; none for `affine=False`. */
export interface Affine {
  readonly weight?: FloatTensor;
  readonly bias?: FloatTensor;
}

interface Kernels {
  readonly layers: LayerKernels;
}

/** `(x − mean) / √(var + eps) · weight + bias` over the trailing `normalizedShape`; the variance is biased. */
export function layerNorm(
  x: FloatTensor,
  normalizedShape: readonly number[],
  { weight, bias }: Affine,
  eps: number,
  kernels: Kernels,
): FloatTensor {
  const affine = { weight: weight?.data, bias: bias?.data };
  return normalizeTrailing(x, normalizedShape, { ...affine, eps, centered: true }, kernels);
}

/** `x / √(mean(x²) + eps) · weight`; without eps PyTorch takes float32's 2^-23. */
export function rmsNorm(
  x: FloatTensor,
  normalizedShape: readonly number[],
  weight: FloatTensor | undefined,
  eps: number | undefined,
  kernels: Kernels,
): FloatTensor {
  const norm = { weight: weight?.data, bias: undefined, eps: eps ?? 2 ** -23, centered: false };
  return normalizeTrailing(x, normalizedShape, norm, kernels);
}

function normalizeTrailing(
  x: FloatTensor,
  normalizedShape: readonly number[],
  norm: Omit<Norm, 'size'>,
  { layers }: Kernels,
): FloatTensor {
  if (normalizedShape.length === 0 || x.shape.slice(-normalizedShape.length).join() !== normalizedShape.join()) {
    throw invalid(
      'E_SHAPE',
      `Given normalized_shape=[${normalizedShape.join(', ')}], expected input with shape [*, ${normalizedShape.join(', ')}], but got input of size[${x.shape.join(', ')}]`,
    );
  }
  const size = numel(normalizedShape);
  for (const [name, scale] of [
    ['weight', norm.weight],
    ['bias', norm.bias],
  ] as const) {
    if (scale === undefined || scale.length === size) continue;
    throw invalid(
      'E_SHAPE',
      `Expected ${name} to be of same shape as normalized_shape, but it has ${scale.length} values and normalized_shape = [${normalizedShape.join(', ')}]`,
    );
  }
  const out = new Float32Array(x.data.length);
  layers.normalize(x.data, { ...norm, size }, out);
  return floatTensor(out, x.shape);
}

export interface RunningStatistics {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** BatchNorm in evaluation: with the running statistics, or with those of the batch where it tracked none. */
export function batchNorm(
  x: FloatTensor,
  channels: number,
  statistics: RunningStatistics | undefined,
  affine: Affine,
  eps: number,
): FloatTensor {
  const { outer, inner } = channelLayout(x, channels);
  const out = new Float32Array(x.data.length);
  for (let c = 0; c < channels; c++) {
    const { mean, variance } =
      statistics === undefined
        ? moments(gather(x.data, c, channels, outer, inner))
        : { mean: statistics.mean[c], variance: statistics.variance[c] };
    const scale = (affine.weight?.data[c] ?? 1) / Math.sqrt(variance + eps);
    const shift = (affine.bias?.data[c] ?? 0) - mean * scale;
    for (let o = 0; o < outer; o++) {
      const start = (o * channels + c) * inner;
      for (let i = start; i < start + inner; i++) out[i] = x.data[i] * scale + shift;
    }
  }
  return floatTensor(out, x.shape);
}

/** GroupNorm: each sample's channels in `groups` equal parts; InstanceNorm is one channel a group. */
export function groupNorm(x: FloatTensor, channels: number, groups: number, affine: Affine, eps: number): FloatTensor {
  const { outer, inner } = channelLayout(x, channels);
  if (groups <= 0 || channels % groups !== 0) {
    throw invalid(
      'E_SHAPE',
      `Expected number of channels in input to be divisible by num_groups, but got input of shape [${x.shape.join(', ')}] and num_groups=${groups}`,
    );
  }
  const perGroup = channels / groups;
  const size = perGroup * inner;
  const out = new Float32Array(x.data.length);
  for (let g = 0; g < outer * groups; g++) {
    const values = x.data.subarray(g * size, (g + 1) * size);
    const { mean, variance } = moments(values);
    const rstd = 1 / Math.sqrt(variance + eps);
    for (let i = 0; i < size; i++) {
      const c = (g % groups) * perGroup + Math.floor(i / inner);
      out[g * size + i] = (values[i] - mean) * rstd * (affine.weight?.data[c] ?? 1) + (affine.bias?.data[c] ?? 0);
    }
  }
  return floatTensor(out, x.shape);
}

function channelLayout({ shape }: FloatTensor, channels: number): { outer: number; inner: number } {
  if (shape.length < 2 || shape[1] !== channels) {
    throw invalid(
      'E_SHAPE',
      `This normalization has ${channels} channels in dimension 1; the input has shape [${shape.join(', ')}].`,
    );
  }
  return { outer: shape[0], inner: numel(shape.slice(2)) };
}

function gather(data: Float32Array, channel: number, channels: number, outer: number, inner: number): Float32Array {
  const values = new Float32Array(outer * inner);
  for (let o = 0; o < outer; o++) {
    const start = (o * channels + channel) * inner;
    values.set(data.subarray(start, start + inner), o * inner);
  }
  return values;
}

function moments(values: Float32Array): { mean: number; variance: number } {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, variance: squares / values.length };
}
