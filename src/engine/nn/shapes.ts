import { invalid } from '../../core/errors';
import { numel } from '../../core/shape';
import { type FloatTensor, floatTensor, type Tensor } from '../tensor/tensor';

/** Modules that only move values: Flatten, Unflatten, PixelShuffle, padding, nearest Upsample. */

export function flatten(x: Tensor, start: number, end: number): Tensor {
  const rank = x.shape.length;
  if (rank === 0) return { ...x, shape: [1] };
  const [from, to] = [start, end].map((dim) => (dim < 0 ? dim + rank : dim));
  if (from < 0 || to >= rank || from > to) {
    throw invalid(
      'E_DIMENSION',
      `Flatten(start_dim=${start}, end_dim=${end}) does not fit an input of shape [${x.shape.join(', ')}].`,
    );
  }
  return { ...x, shape: [...x.shape.slice(0, from), numel(x.shape.slice(from, to + 1)), ...x.shape.slice(to + 1)] };
}

/** `sizes` may hold one −1, which takes what is left. */
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  const at = dim < 0 ? dim + x.shape.length : dim;
  const known = numel(sizes.filter((size) => size !== -1));
  const filled = sizes.map((size) => (size === -1 ? x.shape[at] / known : size));
  if (numel(filled) !== x.shape[at] || !filled.every(Number.isInteger)) {
    throw invalid(
      'E_SHAPE',
      `unflatten: Provided sizes [${sizes.join(', ')}] don't multiply up to the size of dim ${dim} (${x.shape[at]}) in the input tensor`,
    );
  }
  return { ...x, shape: [...x.shape.slice(0, at), ...filled, ...x.shape.slice(at + 1)] };
}

/** [*, c·r², h, w] to [*, c, h·r, w·r]. */
export function pixelShuffle({ data, shape }: FloatTensor, factor: number): FloatTensor {
  const [channels, height, width] = shape.slice(-3);
  const outChannels = channels / factor ** 2;
  if (shape.length < 3 || !Number.isInteger(outChannels)) {
    throw invalid(
      'E_SHAPE',
      `pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor ${factor}, got [${shape.join(', ')}]`,
    );
  }
  const out = new Float32Array(data.length);
  const samples = numel(shape.slice(0, -3));
  let at = 0;
  for (let n = 0; n < samples; n++)
    for (let c = 0; c < outChannels; c++)
      for (let y = 0; y < height * factor; y++)
        for (let x = 0; x < width * factor; x++) {
          const channel = (c * factor + (y % factor)) * factor + (x % factor);
          out[at++] =
            data[((n * channels + channel) * height + Math.floor(y / factor)) * width + Math.floor(x / factor)];
        }
  return floatTensor(out, [...shape.slice(0, -3), outChannels, height * factor, width * factor]);
}

/** Values at `index(position)` along the last dimensions, 0 where the index lies outside. */
function resample(
  { data, shape }: FloatTensor,
  sizes: readonly number[],
  index: (at: number, dimension: number) => number,
  fill: number,
): FloatTensor {
  const dimensions = sizes.length;
  const old = shape.slice(-dimensions);
  const leading = shape.slice(0, -dimensions);
  const inner = numel(old);
  const positions = numel(sizes);
  const sources = Int32Array.from({ length: positions }, (_, position) => {
    let rest = position;
    let step = 1;
    let source = 0;
    for (let d = dimensions - 1; d >= 0; d--) {
      const at = index(rest % sizes[d], d);
      rest = Math.floor(rest / sizes[d]);
      source = at < 0 || at >= old[d] || source < 0 ? -1 : source + at * step;
      step *= old[d];
    }
    return source;
  });
  const out = new Float32Array(numel(leading) * positions);
  for (let i = 0; i < out.length; i++) {
    const source = sources[i % positions];
    out[i] = source < 0 ? fill : data[Math.floor(i / positions) * inner + source];
  }
  return floatTensor(out, [...leading, ...sizes]);
}

/** PyTorch's padding order: the last dimension first, before and after. */
export function constantPad(x: FloatTensor, padding: readonly number[], value: number): FloatTensor {
  const dimensions = padding.length / 2;
  const pads = Array.from({ length: dimensions }, (_, d) =>
    padding.slice(2 * (dimensions - 1 - d), 2 * (dimensions - d)),
  );
  const sizes = x.shape.slice(-dimensions).map((size, d) => size + pads[d][0] + pads[d][1]);
  if (x.shape.length < dimensions || sizes.some((size) => size < 0)) {
    throw invalid('E_SHAPE', `Padding (${padding.join(', ')}) does not fit an input of shape [${x.shape.join(', ')}].`);
  }
  return resample(x, sizes, (at, d) => at - pads[d][0], value);
}

/** Nearest neighbour: output position i takes input ⌊i · old / new⌋. */
export function nearest(x: FloatTensor, sizes: readonly number[]): FloatTensor {
  const old = x.shape.slice(-sizes.length);
  return resample(x, sizes, (at, d) => Math.min(Math.floor((at * old[d]) / sizes[d]), old[d] - 1), 0);
}
