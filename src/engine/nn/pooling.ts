import { invalid } from '../../core/errors';
import { numel } from '../../core/shape';
import { type FloatTensor, floatTensor } from '../tensor/tensor';
import { outputPositions, Windows } from './windows';

/** Pooling of one to three dimensions; the leading dimensions are channels and batch. */

export interface PoolOptions {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
}

export function maxPool(x: FloatTensor, options: PoolOptions): FloatTensor {
  return pool(x, options, (data, start, windows, position) => {
    let max = Number.NEGATIVE_INFINITY;
    for (let tap = 0; tap < windows.taps; tap++) {
      const source = windows.source(position, tap);
      if (source < 0) continue;
      const value = data[start + source];
      if (value > max || Number.isNaN(value)) max = value;
    }
    return max;
  });
}

export interface AveragePoolOptions extends PoolOptions {
  readonly countIncludePad: boolean;
  readonly divisor: number | undefined;
}

export function averagePool(x: FloatTensor, options: AveragePoolOptions): FloatTensor {
  const sizes = x.shape.slice(-options.kernel.length);
  const output = outputPositions(sizes, options.kernel, withPadding(options), options.ceilMode);
  return pool(x, options, (data, start, windows, position) => {
    let sum = 0;
    let inside = 0;
    for (let tap = 0; tap < windows.taps; tap++) {
      const source = windows.source(position, tap);
      if (source < 0) continue;
      sum += data[start + source];
      inside++;
    }
    const divisor =
      options.divisor ?? (options.countIncludePad ? paddedSize(position, output, sizes, options) : inside);
    return sum / divisor;
  });
}

/** Elements of the window inside the input and its padding: a window that hangs over in ceil mode has fewer. */
function paddedSize(
  position: number,
  output: readonly number[],
  sizes: readonly number[],
  { kernel, stride, padding }: PoolOptions,
): number {
  let rest = position;
  let size = 1;
  for (let d = output.length - 1; d >= 0; d--) {
    const start = (rest % output[d]) * stride[d] - padding[d];
    rest = Math.floor(rest / output[d]);
    size *= Math.min(start + kernel[d], sizes[d] + padding[d]) - start;
  }
  return size;
}

type Reduce = (data: Float32Array, start: number, windows: Windows, position: number) => number;

function pool(x: FloatTensor, options: PoolOptions, reduce: Reduce): FloatTensor {
  const { kernel } = options;
  const { leading, sizes } = split(x, kernel.length);
  const window = withPadding(options);
  const output = outputPositions(sizes, kernel, window, options.ceilMode);
  const windows = new Windows(sizes, kernel, output, window);
  const inner = numel(sizes);
  const channels = numel(leading);
  const out = new Float32Array(channels * windows.positions);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < windows.positions; p++) out[c * windows.positions + p] = reduce(x.data, c * inner, windows, p);
  }
  return floatTensor(out, [...leading, ...output]);
}

function withPadding({ stride, dilation, padding }: PoolOptions) {
  return { stride, dilation, padding: padding.map((size) => ({ before: size, after: size })), paddingMode: 'zeros' };
}

/** Adaptive pooling to `target` sizes (null keeps a dimension): bin i covers ⌊i·n/t⌋ … ⌈(i+1)·n/t⌉. */
export function adaptivePool(x: FloatTensor, target: readonly (number | null)[], kind: 'average' | 'max'): FloatTensor {
  const { leading, sizes } = split(x, target.length);
  const output = target.map((size, d) => size ?? sizes[d]);
  const inner = numel(sizes);
  const positions = numel(output);
  const channels = numel(leading);
  const out = new Float32Array(channels * positions);
  for (let p = 0; p < positions; p++) {
    const elements = binElements(p, output, sizes);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let max = Number.NEGATIVE_INFINITY;
      for (const element of elements) {
        const value = x.data[c * inner + element];
        sum += value;
        if (value > max || Number.isNaN(value)) max = value;
      }
      out[c * positions + p] = kind === 'max' ? max : sum / elements.length;
    }
  }
  return floatTensor(out, [...leading, ...output]);
}

function binElements(position: number, output: readonly number[], sizes: readonly number[]): number[] {
  let elements = [0];
  let step = 1;
  let rest = position;
  for (let d = output.length - 1; d >= 0; d--) {
    const i = rest % output[d];
    rest = Math.floor(rest / output[d]);
    const first = Math.floor((i * sizes[d]) / output[d]);
    const end = Math.ceil(((i + 1) * sizes[d]) / output[d]);
    const along = Array.from({ length: end - first }, (_, k) => (first + k) * step);
    elements = along.flatMap((at) => elements.map((element) => element + at));
    step *= sizes[d];
  }
  return elements;
}

function split({ shape }: FloatTensor, dimensions: number): { leading: number[]; sizes: number[] } {
  if (shape.length !== dimensions + 1 && shape.length !== dimensions + 2) {
    throw invalid(
      'E_SHAPE',
      `Expected ${dimensions + 1}D or ${dimensions + 2}D tensor for input, got [${shape.join(', ')}]`,
    );
  }
  return { leading: shape.slice(0, -dimensions), sizes: shape.slice(-dimensions) };
}
