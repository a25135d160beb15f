import type { LayerKernels, Norm } from '../layerKernels';
import { attention } from './attention';
import { portableFunctions } from './portableFunctions';
import { softmaxRow, total } from './softmaxRow';

/** Double sums are in four lanes by i modulo 4, added as (0 + 2) + (1 + 3). */
export const referenceLayers: LayerKernels = {
  activate(name, x, out) {
    const f = portableFunctions[name];
    for (let i = 0; i < x.length; i++) out[i] = f(x[i]);
  },

  softmax(x, size, out) {
    const row = new Float64Array(size);
    for (let start = 0; start < x.length; start += size) {
      for (let i = 0; i < size; i++) row[i] = x[start + i];
      softmaxRow(row, out, start);
    }
  },

  normalize(x, norm, out) {
    for (let start = 0; start < x.length; start += norm.size) normalizeRow(x, start, norm, out);
  },

  attention,
};

function normalizeRow(x: Float32Array, start: number, { size, eps, centered, weight, bias }: Norm, out: Float32Array) {
  const sums = [0, 0, 0, 0];
  if (centered) for (let i = 0; i < size; i++) sums[i % 4] += x[start + i];
  const mean = total(sums) / size;
  const squares = [0, 0, 0, 0];
  for (let i = 0; i < size; i++) {
    const deviation = x[start + i] - mean;
    squares[i % 4] += deviation * deviation;
  }
  const factor = 1 / Math.sqrt(total(squares) / size + eps);
  for (let i = 0; i < size; i++) {
    const scaled = (x[start + i] - mean) * factor * (weight === undefined ? 1 : weight[i]);
    out[start + i] = scaled + (bias === undefined ? 0 : bias[i]);
  }
}
