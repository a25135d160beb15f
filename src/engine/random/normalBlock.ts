import { fma32 } from '../../core/fma';

/**
 * Box–Muller on a block of 16 uniforms, as PyTorch's AVX2 kernel computes it
 * (aten/src/ATen/native/cpu/DistributionTemplates.h, normal_fill_AVX2, with log and sincos of
 * avx_mathfun.h, which follow Cephes). Where the compiler contracts a product and a sum, fma32
 * stands here: the bits depend on it.
 */

const f = Math.fround;
const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

const logP = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(f);
const logQ1 = f(-2.1219444e-4);
const logQ2 = f(0.693359375);
const sqrtHalf = f(0.707106781186547524);

/** Cephes logf for x in [2^-24, 1]. */
function log(x: number): number {
  float[0] = x;
  let e = (bits[0] >>> 23) - 126;
  bits[0] = (bits[0] & 0x807fffff) | 0x3f000000;
  let m = float[0];
  if (m < sqrtHalf) {
    e -= 1;
    m = f(f(m - 1) + m);
  } else {
    m = f(m - 1);
  }
  const z = f(m * m);
  let y = logP[0];
  for (let i = 1; i < logP.length; i++) y = fma32(y, m, logP[i]);
  y = f(y * m);
  y = fma32(y, z, f(e * logQ1));
  y = fma32(-z, 0.5, y);
  return fma32(e, logQ2, f(m + y));
}

const fourOverPi = f(1.27323954473516);
const [dp1, dp2, dp3] = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8].map(f);
const [cos0, cos1, cos2] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(f);
const [sin0, sin1, sin2] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(f);

const sinCos = { sin: 0, cos: 0 };

/** Cephes sinf and cosf for x ≥ 0; the result is left in `sinCos`. */
function computeSinCos(angle: number): void {
  const j = (Math.trunc(f(angle * fourOverPi)) + 1) & ~1;
  let x = fma32(j, dp1, angle);
  x = fma32(j, dp2, x);
  x = fma32(j, dp3, x);
  const z = f(x * x);
  let c = fma32(cos0, z, cos1);
  c = fma32(c, z, cos2);
  c = f(c * z);
  c = fma32(c, z, -f(z * 0.5));
  c = f(c + 1);
  let s = fma32(sin0, z, sin1);
  s = fma32(s, z, sin2);
  s = f(s * z);
  s = fma32(s, x, x);
  const swap = (j & 2) !== 0;
  sinCos.sin = (swap ? c : s) * (j & 4 ? -1 : 1);
  sinCos.cos = (swap ? s : c) * ((j - 2) & 4 ? 1 : -1);
}

const twoPi = f(2 * Math.PI);

/** Turns 16 uniforms in [0, 1) at `offset` into normal values, in place. */
export function normalBlock(values: Float32Array, offset: number, mean: number, std: number): void {
  for (let k = offset; k < offset + 8; k++) {
    const radius = f(Math.sqrt(f(-2 * log(f(1 - values[k])))));
    computeSinCos(f(twoPi * values[k + 8]));
    // For a mean of 0 and a std of 1 the fma still turns −0 into +0.
    values[k] = fma32(f(radius * sinCos.cos), std, mean);
    values[k + 8] = fma32(f(radius * sinCos.sin), std, mean);
  }
}
