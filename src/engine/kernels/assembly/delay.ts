// Which codes the early form of the byte product (bytes.ts) may take as they are, and which wait.
import { delayedOf, delayedRoom, rowRecord, setEarly } from './operand';

/** The sums of two pairs lie in lanes 0 and 1 of each half. */
const PAIRS: usize = memory.data<u16>([0xffff, 0xffff, 0, 0, 0xffff, 0xffff, 0, 0], 16);
const MOST: usize = memory.data<i16>([128, 128, 128, 128, 128, 128, 128, 128], 16);

/** Shorter rows gain less than the look at their codes costs. */
const SHORTEST: i32 = 64;

/**
 * Looks at blocks x0 … x7 of a row. The early form adds w0·x0 + w1·x1 and w4·x4 + w5·x5 (and 2, 3, 6, 7)
 * in 16 bits, with weights up to 255: exact while |x0| + |x1| + |x4| + |x5| ≤ 128. Of a block that is
 * larger, x4 … x7 are taken out and put on the row's list, { u32 offset in a block of weights, u32 codes }.
 * With more blocks than there is room for, all is put back and the plain form does the work.
 */
export function delayLarge(operand: usize, codes: usize, m: i32, padded: i32): void {
  if (padded < SHORTEST) return;
  const first = delayedOf(operand);
  const room = first + (<usize>delayedRoom(m, padded) << 3);
  let entry = first;
  const wanted = v128.load(PAIRS);
  const most = v128.load(MOST);
  for (let row = 0; row < m; row++) {
    const x = codes + <usize>row * <usize>padded;
    for (let k = 0; k < padded; k += 16) {
      const at = x + k;
      const both = k + 16 <= padded;
      const pairs = i16x8.extadd_pairwise_i8x16_u(i8x16.abs(both ? v128.load(at) : v128.load64_zero(at)));
      const large = v128.and(i16x8.gt_s(i16x8.add(pairs, i64x2.shr_u(pairs, 32)), most), wanted);
      if (!v128.any_true(large)) continue;
      if (entry + 16 > room) {
        putBack(operand, codes, m, padded, row, entry);
        return;
      }
      const mask = i16x8.bitmask(large);
      if ((mask & 3) != 0) entry = takeOut(at, k, entry);
      if ((mask & 0x30) != 0) entry = takeOut(at + 8, k + 8, entry);
    }
    store<u32>(rowRecord(operand, row), <u32>entry, 4);
  }
  setEarly(operand);
}

// @ts-ignore: decorator
@inline
function takeOut(at: usize, k: i32, entry: usize): usize {
  store<u32>(entry, <u32>(k + 4) << 4);
  store<u32>(entry, load<u32>(at, 4), 4);
  store<u32>(at, 0, 4);
  return entry + 8;
}

function putBack(operand: usize, codes: usize, m: i32, padded: i32, last: i32, end: usize): void {
  let entry = delayedOf(operand);
  for (let row = 0; row <= last; row++) {
    const x = codes + <usize>row * <usize>padded;
    const stop = row == last ? end : <usize>load<u32>(rowRecord(operand, row), 4);
    for (; entry < stop; entry += 8) store<u32>(x + (load<u32>(entry) >> 4), load<u32>(entry, 4));
  }
  for (let row = 0; row < m; row++) store<u32>(rowRecord(operand, row), <u32>delayedOf(operand), 4);
}
