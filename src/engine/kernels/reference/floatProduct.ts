/** k that a block has; see below. */
const block = 512;

const f = Math.fround;

/**
 * Σ_k x[k] · w[k] of two rows in float32, in the order of the vector kernels: the lane of a product is
 * k modulo 4, a lane is summed in blocks of 512 k, the lanes are added as (0 + 2) + (1 + 3). Short
 * chains keep the rounding error near that of PyTorch's own blocked sums.
 */
export function dotFloat(x: Float32Array, xStart: number, w: Float32Array, wStart: number, k: number): number {
  let t0 = 0;
  let t1 = 0;
  let t2 = 0;
  let t3 = 0;
  for (let start = 0; start < k; start += block) {
    const end = Math.min(start + block, k);
    const vectors = end - (end % 4);
    let [a0, a1, a2, a3] = [0, 0, 0, 0];
    let i = start;
    for (; i < vectors; i += 4) {
      a0 = f(a0 + f(x[xStart + i] * w[wStart + i]));
      a1 = f(a1 + f(x[xStart + i + 1] * w[wStart + i + 1]));
      a2 = f(a2 + f(x[xStart + i + 2] * w[wStart + i + 2]));
      a3 = f(a3 + f(x[xStart + i + 3] * w[wStart + i + 3]));
    }
    if (i < end) a0 = f(a0 + f(x[xStart + i] * w[wStart + i]));
    if (i + 1 < end) a1 = f(a1 + f(x[xStart + i + 1] * w[wStart + i + 1]));
    if (i + 2 < end) a2 = f(a2 + f(x[xStart + i + 2] * w[wStart + i + 2]));
    t0 = f(t0 + a0);
    t1 = f(t1 + a1);
    t2 = f(t2 + a2);
    t3 = f(t3 + a3);
  }
  return f(f(t0 + t2) + f(t1 + t3));
}
