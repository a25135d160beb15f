// The float product. Its order of additions is the definition that reference/floatProduct.ts writes
// down: four lanes by k modulo 4, in blocks of 512 k, lanes added as (0 + 2) + (1 + 3), then the bias.
// Every operation is one float32 rounding; no fused multiply-add, which not every machine has.
import { biasOf, channelsOf, paddedOf, weightsOf } from './descriptor';

const BLOCK: i32 = 512;

/** Rows of x, each padded with zeros to a multiple of 4. */
export function padRows(x: usize, m: i32, columns: i32, padded: i32, out: usize): void {
  if (columns == padded) {
    if (x != out) memory.copy(out, x, <usize>m * <usize>columns << 2);
    return;
  }
  for (let row = 0; row < m; row++) {
    const to = out + (<usize>row * <usize>padded << 2);
    memory.copy(to, x + (<usize>row * <usize>columns << 2), <usize>columns << 2);
    for (let i = columns; i < padded; i++) store<f32>(to + (<usize>i << 2), 0);
  }
}

/** Blocks `from` … `to` of sixteen channels of every row. */
export function multiplyFloat(product: usize, x: usize, m: i32, out: usize, from: i32, to: i32): void {
  const outBytes = <usize>channelsOf(product) << 2;
  multiplyPanels(x, m, weightsOf(product), paddedOf(product), biasOf(product), out, outBytes, from << 2, to << 2);
}

/**
 * Panels `from` … `to` of four channels of every row: tiles of two rows and a panel, then one row. Rows of x
 * have k values, a multiple of 4; those of out begin `outBytes` apart. `bias` is 0 for none.
 */
export function multiplyPanels(x: usize, m: i32, weights: usize, k: i32, bias: usize, out: usize, outBytes: usize, from: i32, to: i32): void {
  if (m == 1) {
    multiplyRow(x, weights, k, bias, out, from, to);
    return;
  }
  const rowBytes = <usize>k << 2;
  for (let panel = from; panel < to; panel++) {
    const w = weights + <usize>panel * (<usize>k << 4);
    const at = <usize>panel << 4;
    const added = bias == 0 ? f32x4.splat(0) : v128.load(bias + at);
    let row = 0;
    for (; row + 1 < m; row += 2) {
      const y = out + <usize>row * outBytes + at;
      tile2(x + <usize>row * rowBytes, rowBytes, w, k, added, bias != 0, y, y + outBytes);
    }
    if (row < m) tile1(x + <usize>row * rowBytes, w, k, added, bias != 0, out + <usize>row * outBytes + at);
  }
}

/**
 * One row, for which weights are read once: two panels at a time, one from each half, since memory gives more to two
 * streams far apart than to one, and to four or to neighbours less.
 */
function multiplyRow(x: usize, weights: usize, k: i32, bias: usize, out: usize, from: i32, to: i32): void {
  const half = (to - from) >> 1;
  const panelBytes = <usize>k << 4;
  for (let panel = from; panel < from + half; panel++) {
    const at = <usize>panel << 4;
    const far = at + (<usize>half << 4);
    const w = weights + <usize>panel * panelBytes;
    const b0 = bias == 0 ? f32x4.splat(0) : v128.load(bias + at);
    const b1 = bias == 0 ? b0 : v128.load(bias + far);
    tilePair(x, w, w + <usize>half * panelBytes, k, b0, b1, bias != 0, out + at, out + far);
  }
  if (((to - from) & 1) == 0) return;
  const at = <usize>(to - 1) << 4;
  const added = bias == 0 ? f32x4.splat(0) : v128.load(bias + at);
  tile1(x, weights + <usize>(to - 1) * panelBytes, k, added, bias != 0, out + at);
}

// @ts-ignore: decorator
@inline
function fold(a0: v128, a1: v128, a2: v128, a3: v128): v128 {
  const b0 = f32x4.add(v128.shuffle<f32>(a0, a1, 0, 4, 1, 5), v128.shuffle<f32>(a0, a1, 2, 6, 3, 7));
  const b1 = f32x4.add(v128.shuffle<f32>(a2, a3, 0, 4, 1, 5), v128.shuffle<f32>(a2, a3, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(b0, b1, 0, 1, 4, 5), v128.shuffle<f32>(b0, b1, 2, 3, 6, 7));
}

/** One row of x with one panel. */
// @ts-ignore: decorator
@inline
function tile1(x: usize, w: usize, k: i32, bias: v128, biased: bool, y: usize): void {
  let t0 = f32x4.splat(0);
  let t1 = t0;
  let t2 = t0;
  let t3 = t0;
  const end = x + (<usize>k << 2);
  while (x < end) {
    const stop = min(end, x + (BLOCK << 2));
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    do {
      const v = v128.load(x);
      a0 = f32x4.add(a0, f32x4.mul(v, v128.load(w)));
      a1 = f32x4.add(a1, f32x4.mul(v, v128.load(w, 16)));
      a2 = f32x4.add(a2, f32x4.mul(v, v128.load(w, 32)));
      a3 = f32x4.add(a3, f32x4.mul(v, v128.load(w, 48)));
      x += 16;
      w += 64;
    } while (x < stop);
    t0 = f32x4.add(t0, a0);
    t1 = f32x4.add(t1, a1);
    t2 = f32x4.add(t2, a2);
    t3 = f32x4.add(t3, a3);
  }
  const sums = fold(t0, t1, t2, t3);
  v128.store(y, biased ? f32x4.add(sums, bias) : sums);
}

/** Two rows of x with one panel. */
// @ts-ignore: decorator
@inline
function tile2(x: usize, rowBytes: usize, w: usize, k: i32, bias: v128, biased: bool, y0: usize, y1: usize): void {
  let t0 = f32x4.splat(0);
  let t1 = t0;
  let t2 = t0;
  let t3 = t0;
  let u0 = t0;
  let u1 = t0;
  let u2 = t0;
  let u3 = t0;
  let z = x + rowBytes;
  const end = x + (<usize>k << 2);
  while (x < end) {
    const stop = min(end, x + (BLOCK << 2));
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    do {
      const v = v128.load(x);
      const u = v128.load(z);
      let c = v128.load(w);
      a0 = f32x4.add(a0, f32x4.mul(v, c));
      b0 = f32x4.add(b0, f32x4.mul(u, c));
      c = v128.load(w, 16);
      a1 = f32x4.add(a1, f32x4.mul(v, c));
      b1 = f32x4.add(b1, f32x4.mul(u, c));
      c = v128.load(w, 32);
      a2 = f32x4.add(a2, f32x4.mul(v, c));
      b2 = f32x4.add(b2, f32x4.mul(u, c));
      c = v128.load(w, 48);
      a3 = f32x4.add(a3, f32x4.mul(v, c));
      b3 = f32x4.add(b3, f32x4.mul(u, c));
      x += 16;
      z += 16;
      w += 64;
    } while (x < stop);
    t0 = f32x4.add(t0, a0);
    t1 = f32x4.add(t1, a1);
    t2 = f32x4.add(t2, a2);
    t3 = f32x4.add(t3, a3);
    u0 = f32x4.add(u0, b0);
    u1 = f32x4.add(u1, b1);
    u2 = f32x4.add(u2, b2);
    u3 = f32x4.add(u3, b3);
  }
  const first = fold(t0, t1, t2, t3);
  v128.store(y0, biased ? f32x4.add(first, bias) : first);
  const second = fold(u0, u1, u2, u3);
  v128.store(y1, biased ? f32x4.add(second, bias) : second);
}

/** One row of x with two panels. */
// @ts-ignore: decorator
@inline
function tilePair(x: usize, w: usize, z: usize, k: i32, bias0: v128, bias1: v128, biased: bool, y0: usize, y1: usize): void {
  let t0 = f32x4.splat(0);
  let t1 = t0;
  let t2 = t0;
  let t3 = t0;
  let u0 = t0;
  let u1 = t0;
  let u2 = t0;
  let u3 = t0;
  const end = x + (<usize>k << 2);
  while (x < end) {
    const stop = min(end, x + (BLOCK << 2));
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    do {
      const v = v128.load(x);
      a0 = f32x4.add(a0, f32x4.mul(v, v128.load(w)));
      b0 = f32x4.add(b0, f32x4.mul(v, v128.load(z)));
      a1 = f32x4.add(a1, f32x4.mul(v, v128.load(w, 16)));
      b1 = f32x4.add(b1, f32x4.mul(v, v128.load(z, 16)));
      a2 = f32x4.add(a2, f32x4.mul(v, v128.load(w, 32)));
      b2 = f32x4.add(b2, f32x4.mul(v, v128.load(z, 32)));
      a3 = f32x4.add(a3, f32x4.mul(v, v128.load(w, 48)));
      b3 = f32x4.add(b3, f32x4.mul(v, v128.load(z, 48)));
      x += 16;
      w += 64;
      z += 64;
    } while (x < stop);
    t0 = f32x4.add(t0, a0);
    t1 = f32x4.add(t1, a1);
    t2 = f32x4.add(t2, a2);
    t3 = f32x4.add(t3, a3);
    u0 = f32x4.add(u0, b0);
    u1 = f32x4.add(u1, b1);
    u2 = f32x4.add(u2, b2);
    u3 = f32x4.add(u3, b3);
  }
  const first = fold(t0, t1, t2, t3);
  v128.store(y0, biased ? f32x4.add(first, bias0) : first);
  const second = fold(u0, u1, u2, u3);
  v128.store(y1, biased ? f32x4.add(second, bias1) : second);
}
