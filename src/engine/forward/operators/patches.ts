import { invalid } from '../../../core/errors';
import { numel } from '../../../core/shape';
import type { Run } from '../interpreter/run';
import { dense, emptyTensor, type StridedTensor } from '../values/stridedTensor';
import { type Geometry, perDimension, tapTable, windowCount } from './convolution';
import { select, unsqueeze } from './shape';
import { define } from './table';

/** Windows of an image as columns, and columns added up to an image: nn.Unfold and nn.Fold. */

interface Windows {
  readonly kernel: readonly number[];
  readonly outSize: readonly number[];
  readonly table: Int32Array;
}

function windowsOf(run: Run, size: readonly number[], kernelSize: readonly number[], given: Geometry): Windows {
  const kernel = perDimension(kernelSize, 2);
  const [dilation, padding, stride] = [given.dilation, given.padding, given.stride].map((one) => perDimension(one, 2));
  if ([...kernel, ...dilation, ...stride].some((one) => one <= 0) || padding.some((one) => one < 0))
    throw invalid('E_RUN_ARGUMENT', 'kernel, dilation and stride must be greater than zero, padding not below it');
  const outSize = size.map((length, d) => windowCount(length, kernel[d], stride[d], padding[d], dilation[d]));
  if (outSize.some((count) => count <= 0))
    throw invalid('E_RUN_SHAPE', `an image of ${size.join(' x ')} has no window of ${kernel.join(' x ')}`);
  return { kernel, outSize, table: tapTable(run, size, outSize, kernel, { dilation, padding, stride }) };
}

/** [batch, channels, height, width] → [batch, channels · taps, windows]. */
function unfold(
  run: Run,
  x: StridedTensor,
  kernelSize: number[],
  dilation: number[],
  padding: number[],
  stride: number[],
): StridedTensor {
  if (x.rank === 3) return select(unfold(run, unsqueeze(x, 0), kernelSize, dilation, padding, stride), 0, 0);
  if (x.rank !== 4) throw invalid('E_RUN_SHAPE', `Expected 3D or 4D (batch mode) tensor, but got ${x.rank} dimensions`);
  const [batch, channels, ...size] = x.shape;
  const { kernel, outSize, table } = windowsOf(run, size, kernelSize, { dilation, padding, stride });
  const [taps, windows, area] = [numel(kernel), numel(outSize), numel(size)];
  const out = emptyTensor(run.budget, x.type, [batch, channels * taps, windows]);
  const [values, to] = [dense(run.budget, x), out.storage.data];
  run.budget.compute(to.length);
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let t = 0; t < table.length; t += 3)
      to[(plane * taps + table[t + 1]) * windows + table[t]] = values[plane * area + table[t + 2]];
  }
  return out;
}

/** [batch, channels · taps, windows] → [batch, channels, height, width]; where windows overlap their values are added. */
function fold(
  run: Run,
  x: StridedTensor,
  outputSize: number[],
  kernelSize: number[],
  dilation: number[],
  padding: number[],
  stride: number[],
): StridedTensor {
  if (x.rank === 2) return select(fold(run, unsqueeze(x, 0), outputSize, kernelSize, dilation, padding, stride), 0, 0);
  const size = perDimension(outputSize, 2);
  const { kernel, outSize, table } = windowsOf(run, size, kernelSize, { dilation, padding, stride });
  const [taps, windows, area] = [numel(kernel), numel(outSize), numel(size)];
  const [batch, rows, columns] = x.shape;
  if (x.rank !== 3 || rows % taps !== 0 || columns !== windows)
    throw invalid(
      'E_RUN_SHAPE',
      `Given output_size=(${size.join(', ')}), kernel_size=(${kernel.join(', ')}), expected size of input's dimension 2 to match the calculated number of sliding blocks ${windows}, but got [${x.shape.join(', ')}]`,
    );
  const out = emptyTensor(run.budget, x.type, [batch, rows / taps, ...size]);
  const [values, to] = [dense(run.budget, x), out.storage.data];
  run.budget.compute(values.length);
  for (let plane = 0; plane < (batch * rows) / taps; plane++) {
    for (let t = 0; t < table.length; t += 3)
      to[plane * area + table[t + 2]] += values[(plane * taps + table[t + 1]) * windows + table[t]];
  }
  return out;
}

define('im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride)', unfold);
define(
  'col2im(Tensor self, int[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride)',
  fold,
);
define(
  'unfold(Tensor input, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1)',
  unfold,
  'functional',
);
define(
  'fold(Tensor input, int[2] output_size, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1)',
  fold,
  'functional',
);
