import { invalid } from '../../core/errors';
import { numel } from '../../core/shape';

/** Sliding windows over the spatial dimensions of a tensor, for convolutions and pooling. */
export interface WindowOptions {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly { readonly before: number; readonly after: number }[];
  /** What the padding holds: `zeros`, or values of the tensor itself. */
  readonly paddingMode: string;
}

/** Positions of the window in each dimension; E_SHAPE where it does not fit once. */
export function outputPositions(
  sizes: readonly number[],
  kernel: readonly number[],
  { stride, dilation, padding }: Pick<WindowOptions, 'stride' | 'dilation' | 'padding'>,
  ceil = false,
): number[] {
  return sizes.map((size, d) => {
    const room = size + padding[d].before + padding[d].after - dilation[d] * (kernel[d] - 1) - 1;
    if (room < 0 || !(stride[d] > 0)) {
      throw invalid(
        'E_SHAPE',
        `Calculated padded input size per channel: (${size + padding[d].before + padding[d].after}). Kernel size: (${kernel[d]}). Kernel size can't be greater than actual input size`,
      );
    }
    const steps = Math.floor(room / stride[d]) + 1;
    if (!ceil || room % stride[d] === 0) return steps;
    // The last window may hang over, but must start inside the input or its left padding.
    return steps * stride[d] < size + padding[d].before ? steps + 1 : steps;
  });
}

/** Which element of a channel lies under tap `tap` of the window at `position`. */
export class Windows {
  readonly positions: number;
  readonly taps: number;
  private readonly bases: Int32Array[];
  private readonly offsets: Int32Array[];
  private readonly strides: number[] = [];

  constructor(
    private readonly sizes: readonly number[],
    kernel: readonly number[],
    output: readonly number[],
    private readonly options: WindowOptions,
  ) {
    this.positions = numel(output);
    this.taps = numel(kernel);
    this.bases = coordinates(output).map((values, d) =>
      values.map((at) => at * options.stride[d] - options.padding[d].before),
    );
    this.offsets = coordinates(kernel).map((values, d) => values.map((at) => at * options.dilation[d]));
    let step = 1;
    for (let d = sizes.length - 1; d >= 0; d--) {
      this.strides[d] = step;
      step *= sizes[d];
    }
  }

  /** The element's index in its channel; −1 in the zero padding. */
  source(position: number, tap: number): number {
    let source = 0;
    for (let d = 0; d < this.sizes.length; d++) {
      const at = this.inside(this.bases[d][position] + this.offsets[d][tap], this.sizes[d]);
      if (at < 0) return -1;
      source += at * this.strides[d];
    }
    return source;
  }

  private inside(at: number, size: number): number {
    if (at >= 0 && at < size) return at;
    switch (this.options.paddingMode) {
      case 'circular':
        return ((at % size) + size) % size;
      case 'reflect':
        return at < 0 ? -at : 2 * (size - 1) - at;
      case 'replicate':
        return at < 0 ? 0 : size - 1;
      default:
        return -1;
    }
  }
}

/** For every index of a row-major block, its coordinate in each dimension. */
function coordinates(sizes: readonly number[]): Int32Array[] {
  const total = numel(sizes);
  let inner = total;
  return sizes.map((size) => {
    inner /= size;
    return Int32Array.from({ length: total }, (_, i) => Math.floor(i / inner) % size);
  });
}
