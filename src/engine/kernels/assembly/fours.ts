// The int8 product with the dot product of four: 16 products and their sums in one instruction, on x86 VPDPBUSD, on
// ARM SDOT. Activations are signed bytes; weights are unsigned ones (w + 128) or signed, as the machine's
// instruction takes them (probe.ts). Sums are exact in 32 bits for every code: k is at most 65 536 (see
// productStore.ts), so |Σ| ≤ 65 536 · 255 · 128 < 2^31.
//
// The instruction takes four or five cycles and two begin in each, so eight sums at least must be under way.
import { channelsOf, paddedOf, weightsOf } from './descriptor';
import { finishRow } from './finish';
import { codesOf } from './operand';

/** As multiplyBytes. */
export function multiplyFours(product: usize, operand: usize, m: i32, out: usize, from: i32, to: i32): void {
  const k = paddedOf(product);
  const blockBytes = <usize>k << 4;
  let block = from;
  if (m == 1) {
    // Three far places are read at a time: the memory's prefetchers follow each.
    const third = (to - from) / 3;
    for (const end = from + third; block < end; block++) {
      const w = weightsOf(product) + <usize>block * blockBytes;
      const y = out + (<usize>block << 6);
      threeBlocks(codesOf(operand), k, w, <usize>third * blockBytes, y, <usize>third << 6);
      for (let i = 0; i < 3; i++) finishRow(product, operand, 0, out, block + i * third);
    }
    block += 2 * third;
  }
  const rowBytes = <usize>channelsOf(product) << 2;
  for (; block < to; block++) {
    const w = weightsOf(product) + <usize>block * blockBytes;
    let x = codesOf(operand);
    let y = out + (<usize>block << 6);
    for (let row = 0; row + 1 < m; row += 2) {
      twoRows(x, k, w, y, rowBytes);
      finishRow(product, operand, row, out, block);
      finishRow(product, operand, row + 1, out, block);
      x += <usize>k << 1;
      y += rowBytes << 1;
    }
    if ((m & 1) == 0) continue;
    oneRow(x, k, w, y);
    finishRow(product, operand, m - 1, out, block);
  }
}

// @ts-ignore: decorator
@inline
function dot(sums: v128, w: v128, x: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, w, sums);
}

// @ts-ignore: decorator
@inline
function storeFour(y: usize, a0: v128, a1: v128, a2: v128, a3: v128): void {
  v128.store(y, a0);
  v128.store(y, a1, 16);
  v128.store(y, a2, 32);
  v128.store(y, a3, 48);
}

/** One row and three blocks of sixteen channels, `apart` bytes apart. */
// @ts-ignore: decorator
@inline
function threeBlocks(row: usize, k: i32, first: usize, apart: usize, y: usize, outApart: usize): void {
  let x = row;
  const end = x + <usize>k;
  let w = first;
  let v = w + apart;
  let u = v + apart;
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  let c0 = a0;
  let c1 = a0;
  let c2 = a0;
  let c3 = a0;
  do {
    const four = v128.load32_splat(x);
    a0 = dot(a0, v128.load(w), four);
    a1 = dot(a1, v128.load(w, 16), four);
    a2 = dot(a2, v128.load(w, 32), four);
    a3 = dot(a3, v128.load(w, 48), four);
    b0 = dot(b0, v128.load(v), four);
    b1 = dot(b1, v128.load(v, 16), four);
    b2 = dot(b2, v128.load(v, 32), four);
    b3 = dot(b3, v128.load(v, 48), four);
    c0 = dot(c0, v128.load(u), four);
    c1 = dot(c1, v128.load(u, 16), four);
    c2 = dot(c2, v128.load(u, 32), four);
    c3 = dot(c3, v128.load(u, 48), four);
    x += 4;
    w += 64;
    v += 64;
    u += 64;
  } while (x < end);
  storeFour(y, a0, a1, a2, a3);
  storeFour(y + outApart, b0, b1, b2, b3);
  storeFour(y + 2 * outApart, c0, c1, c2, c3);
}

/** One row and one block, even and odd fours of k in sums of their own. */
// @ts-ignore: decorator
@inline
function oneRow(row: usize, k: i32, first: usize, y: usize): void {
  let x = row;
  const end = x + <usize>k;
  let w = first;
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  do {
    const even = v128.load32_splat(x);
    const odd = v128.load32_splat(x, 4);
    a0 = dot(a0, v128.load(w), even);
    a1 = dot(a1, v128.load(w, 16), even);
    a2 = dot(a2, v128.load(w, 32), even);
    a3 = dot(a3, v128.load(w, 48), even);
    b0 = dot(b0, v128.load(w, 64), odd);
    b1 = dot(b1, v128.load(w, 80), odd);
    b2 = dot(b2, v128.load(w, 96), odd);
    b3 = dot(b3, v128.load(w, 112), odd);
    x += 8;
    w += 128;
  } while (x < end);
  storeFour(y, i32x4.add(a0, b0), i32x4.add(a1, b1), i32x4.add(a2, b2), i32x4.add(a3, b3));
}

/** Two rows and one block. */
// @ts-ignore: decorator
@inline
function twoRows(row: usize, k: i32, first: usize, y: usize, rowBytes: usize): void {
  let x = row;
  const end = x + <usize>k;
  let z = end;
  let w = first;
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  do {
    const even = v128.load32_splat(x);
    const odd = v128.load32_splat(z);
    let four = v128.load(w);
    a0 = dot(a0, four, even);
    b0 = dot(b0, four, odd);
    four = v128.load(w, 16);
    a1 = dot(a1, four, even);
    b1 = dot(b1, four, odd);
    four = v128.load(w, 32);
    a2 = dot(a2, four, even);
    b2 = dot(b2, four, odd);
    four = v128.load(w, 48);
    a3 = dot(a3, four, even);
    b3 = dot(b3, four, odd);
    x += 4;
    z += 4;
    w += 64;
  } while (x < end);
  storeFour(y, a0, a1, a2, a3);
  storeFour(y + rowBytes, b0, b1, b2, b3);
}
