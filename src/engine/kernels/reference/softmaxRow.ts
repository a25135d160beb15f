import { portableExp } from './portableFunctions';

/** The softmax of a row, which it writes over, into `out` from `start` on. */
export function softmaxRow(row: Float64Array, out: Float32Array, start: number): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) if (row[i] > max) max = row[i];
  const lanes = [0, 0, 0, 0];
  for (let i = 0; i < row.length; i++) {
    row[i] = portableExp(row[i] - max);
    lanes[i % 4] += row[i];
  }
  const sum = total(lanes);
  for (let i = 0; i < row.length; i++) out[start + i] = row[i] / sum;
}

/** The order in which the vector kernels add their lanes. */
export function total([a, b, c, d]: readonly number[]): number {
  return a + c + (b + d);
}
