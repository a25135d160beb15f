// One head of an attention, a block of rows of its query at a time: reference/attention.ts.
//
// Keys and values are packed once for all blocks, in panels of four as float weights are. A block's record of i32
// fields:
//
//  0 query    rows of the head, `stride` bytes apart
//  4 stride   of query and out
//  8 rows
// 12 width    of a head
// 16 source   steps
// 20 keys     panels [source/4][width/4][4 steps][4 k]
// 24 values   panels [width/4][source/4][4 columns][4 steps]
// 28 shared   mask of the first row, [rows, source], or 0
// 32 padding  mask of all rows, [source], or 0
// 36 sums     f64 [rows, source]: the shares of the heads before, to which these are added
// 40 out
// 44 scratch  see scratchBytes
import { multiplyPanels } from './float';
import { promoteHigh } from './fma';
import { closeRow, finishSoftmax, storeLanes } from './rows';

// @ts-ignore: decorator
@inline
function field(record: usize, index: i32): usize {
  return load<u32>(record + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function four(count: i32): i32 {
  return (count + 3) & ~3;
}

/** Query rows, scores and mixed values of a block, and a row of doubles; all padded to four. */
export function attentionScratch(rows: i32, width: i32, source: i32): usize {
  return <usize>rows * <usize>(2 * four(width) + four(source)) * 4 + <usize>four(source) * 8 + 64;
}

/** Packs `rows` rows of `columns` values, `stride` bytes apart, into panels of four rows. */
export function packRows(x: usize, stride: usize, rows: i32, columns: i32, panels: usize): void {
  const panelBytes = <usize>four(columns) << 4;
  for (let row = 0; row < four(rows); row++) {
    let to = panels + <usize>(row >> 2) * panelBytes + (<usize>(row & 3) << 4);
    let from = x + <usize>row * stride;
    for (let rest = columns; rest > 0; rest -= 4) {
      v128.store(to, row < rows ? firstLanes(from, rest) : f32x4.splat(0));
      from += 16;
      to += 64;
    }
  }
}

/** The same for panels of four columns: the product with them sums over rows. */
export function packColumns(x: usize, stride: usize, rows: i32, columns: i32, panels: usize): void {
  const panelBytes = <usize>four(rows) << 4;
  const none = f32x4.splat(0);
  for (let row = 0; row < rows; row += 4) {
    const rest = rows - row;
    let from = x + <usize>row * stride;
    let to = panels + (<usize>row << 4);
    for (let left = columns; left > 0; left -= 4) {
      const a = firstLanes(from, left);
      const b = rest > 1 ? firstLanes(from + stride, left) : none;
      const c = rest > 2 ? firstLanes(from + 2 * stride, left) : none;
      const d = rest > 3 ? firstLanes(from + 3 * stride, left) : none;
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2));
      v128.store(to, v128.shuffle<i64>(ab0, cd0, 1, 3), 16);
      v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2), 32);
      v128.store(to, v128.shuffle<i64>(ab1, cd1, 1, 3), 48);
      from += 16;
      to += panelBytes;
    }
  }
}

/** Up to four values; nothing past them is read, zeros stand there. */
// @ts-ignore: decorator
@inline
function firstLanes(x: usize, rest: i32): v128 {
  if (rest >= 4) return v128.load(x);
  let out = v128.load32_zero(x);
  if (rest > 1) out = f32x4.replace_lane(out, 1, load<f32>(x, 4));
  if (rest > 2) out = f32x4.replace_lane(out, 2, load<f32>(x, 8));
  return out;
}

/** Scores, their softmax, and the mix of the values that it weighs. */
export function attendRows(record: usize): void {
  const stride = field(record, 1);
  const rows = <i32>field(record, 2);
  const width = <i32>field(record, 3);
  const source = <i32>field(record, 4);
  const k = four(width);
  const steps = four(source);
  const scoreBytes = <usize>steps << 2;
  const query = field(record, 11);
  const scores = query + <usize>rows * (<usize>k << 2);
  const mixed = scores + <usize>rows * scoreBytes;
  const row = (mixed + <usize>rows * (<usize>k << 2) + 15) & ~15;
  copyRows(field(record, 0), stride, rows, width, query);
  multiplyPanels(query, rows, field(record, 5), k, 0, scores, scoreBytes, 0, steps >> 2);
  const divisor = f64x2.splat(sqrt<f64>(<f64>width));
  const padding = field(record, 8);
  let shared = field(record, 7);
  let sums = field(record, 9);
  for (let i = 0; i < rows; i++) {
    const at = scores + <usize>i * scoreBytes;
    scaleRow(at, source, divisor, shared, padding, row);
    finishSoftmax(row, source, at, true);
    addShares(at, source, sums);
    if (shared != 0) shared += <usize>source << 2;
    sums += <usize>source << 3;
  }
  multiplyPanels(scores, rows, field(record, 6), steps, 0, mixed, <usize>k << 2, 0, k >> 2);
  let out = field(record, 10);
  for (let i = 0; i < rows; i++) {
    const from = mixed + <usize>i * (<usize>k << 2);
    for (let j: i32 = 0; j < width; j += 4) storeLanes(out + (<usize>j << 2), v128.load(from + (<usize>j << 2)), width - j);
    out += stride;
  }
}

function copyRows(x: usize, stride: usize, rows: i32, columns: i32, out: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i += 4) {
      v128.store(out, firstLanes(x + (<usize>i << 2), columns - i));
      out += 16;
    }
    x += stride;
  }
}

/** `scores / divisor + (shared + padding)` in double. */
// @ts-ignore: decorator
@inline
function scaleRow(scores: usize, source: i32, divisor: v128, shared: usize, padding: usize, row: usize): void {
  const masked = shared != 0 || padding != 0;
  const bytes = <usize>source << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    const values = v128.load(scores + i);
    let low = f64x2.div(f64x2.promote_low_f32x4(values), divisor);
    let high = f64x2.div(promoteHigh(values), divisor);
    if (masked) {
      const a = shared == 0 ? f32x4.splat(0) : v128.load(shared + i);
      const b = padding == 0 ? f32x4.splat(0) : v128.load(padding + i);
      low = f64x2.add(low, f64x2.add(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)));
      high = f64x2.add(high, f64x2.add(promoteHigh(a), promoteHigh(b)));
    }
    v128.store(row + (i << 1), low);
    v128.store(row + (i << 1), high, 16);
  }
  closeRow(row, source);
}

// @ts-ignore: decorator
@inline
function addShares(shares: usize, source: i32, sums: usize): void {
  let i = 0;
  for (; i + 4 <= source; i += 4) {
    const values = v128.load(shares + (<usize>i << 2));
    const to = sums + (<usize>i << 3);
    v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(values)));
    v128.store(to, f64x2.add(v128.load(to, 16), promoteHigh(values)), 16);
  }
  for (; i < source; i++) {
    const to = sums + (<usize>i << 3);
    store<f64>(to, load<f64>(to) + <f64>load<f32>(shares + (<usize>i << 2)));
  }
}
