// One pass over values as they stream by. A tile is at most 65 536 float32; sums are double, in four lanes
// by i modulo 4, which are added as (0 + 2) + (1 + 3). reference/referenceStreams.ts has the same order.
import { promoteHigh } from './fma';

const ABS: usize = memory.data<u32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16);
const INFINITE: usize = memory.data<f32>([Infinity, Infinity, Infinity, Infinity], 16);
/** 2^23: a float32 integer below it, added to this, stands in the low bits of the sum. */
export const MAGIC: usize = memory.data<f32>([8388608, 8388608, 8388608, 8388608], 16);

// @ts-ignore: decorator
@inline
function total(low: v128, high: v128): f64 {
  const pair = f64x2.add(low, high);
  return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
}

// @ts-ignore: decorator
@inline
function totalCount(lanes: v128): i32 {
  return i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1) + i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
}

/** Less of the sum of squares left after the mean's part was taken away costs three digits of it. */
const LEAST_SHARE: f64 = 1e-3;

/**
 * Writes f64 mean and f64 Σ(x − mean)², f32 min and max, i32 finite values, zeros and NaN to `out`.
 * NaN and ±Inf are counted and left out of the rest. Where `count` is no multiple of 4, the values behind
 * are written over: they must be nobody's.
 */
export function statsTile(values: usize, count: i32, out: usize): void {
  // The first value deviates from itself by nothing, and a NaN is left out.
  pad(values, count, load<f32>(values));
  if (plainStats(values, count, out)) return;
  pad(values, count, NaN);
  maskedStats(values, count, out);
}

function pad(values: usize, count: i32, value: f32): void {
  for (let i = count; i & 3; i++) store<f32>(values + (<usize>i << 2), value);
}

// @ts-ignore: decorator
@inline
function endOf(values: usize, count: i32): usize {
  return values + (<usize>((count + 3) & ~3) << 2);
}

/**
 * One pass over deviations from the first value, without masks. False, and nothing written, where they do not do:
 * a NaN or ±Inf is among the values, which the sum shows, or the first value lies too far from the others.
 */
function plainStats(values: usize, count: i32, out: usize): bool {
  const end = endOf(values, count);
  const zero = f64x2.splat(0);
  const first = load<f32>(values);
  const origin = f64x2.splat(<f64>first);
  let low = zero;
  let high = zero;
  let lowSquares = zero;
  let highSquares = zero;
  let min = v128.load(INFINITE);
  let max = f32x4.neg(min);
  let zeros = zero;
  for (let at = values; at < end; at += 16) {
    const x = v128.load(at);
    const a = f64x2.sub(f64x2.promote_low_f32x4(x), origin);
    const b = f64x2.sub(promoteHigh(x), origin);
    low = f64x2.add(low, a);
    high = f64x2.add(high, b);
    lowSquares = f64x2.add(lowSquares, f64x2.mul(a, a));
    highSquares = f64x2.add(highSquares, f64x2.mul(b, b));
    min = f32x4.pmin(min, x);
    max = f32x4.pmax(max, x);
    zeros = i32x4.sub(zeros, f32x4.eq(x, zero));
  }
  const sum = total(low, high);
  if (!isFinite<f64>(sum)) return false;
  const shift = sum / <f64>count;
  const squares = total(lowSquares, highSquares);
  const m2 = squares - sum * shift;
  if (m2 < squares * LEAST_SHARE) return false;
  const padded = first == 0 ? -count & 3 : 0;
  writeStats(out, <f64>first + shift, m2, min, max, count, totalCount(zeros) - padded, 0);
  return true;
}

// @ts-ignore: decorator
@inline
function writeStats(out: usize, mean: f64, squares: f64, min: v128, max: v128, count: i32, zeros: i32, nans: i32): void {
  store<f64>(out, mean);
  store<f64>(out, squares, 8);
  store<f32>(out, least(min), 16);
  store<f32>(out, greatest(max), 20);
  store<i32>(out, count, 24);
  store<i32>(out, zeros, 28);
  store<i32>(out, nans, 32);
}

/** Two passes, with masks. */
function maskedStats(values: usize, count: i32, out: usize): void {
  const magnitude = v128.load(ABS);
  const infinite = v128.load(INFINITE);
  const end = endOf(values, count);
  let low = f64x2.splat(0);
  let high = low;
  let min = infinite;
  let max = f32x4.neg(infinite);
  let finite = i32x4.splat(0);
  let zeros = finite;
  let nans = finite;
  for (let at = values; at < end; at += 16) {
    const x = v128.load(at);
    const sound = f32x4.lt(v128.and(x, magnitude), infinite);
    const kept = v128.and(x, sound);
    low = f64x2.add(low, f64x2.promote_low_f32x4(kept));
    high = f64x2.add(high, promoteHigh(kept));
    min = f32x4.pmin(min, v128.bitselect(x, infinite, sound));
    max = f32x4.pmax(max, v128.bitselect(x, f32x4.neg(infinite), sound));
    finite = i32x4.sub(finite, sound);
    zeros = i32x4.sub(zeros, f32x4.eq(x, f32x4.splat(0)));
    nans = i32x4.sub(nans, f32x4.ne(x, x));
  }
  const counted = totalCount(finite);
  const sum = total(low, high);
  const mean = counted == 0 ? 0 : sum / <f64>counted;
  const middle = f64x2.splat(mean);
  low = f64x2.splat(0);
  high = low;
  for (let at = values; at < end; at += 16) {
    const x = v128.load(at);
    const sound = f32x4.lt(v128.and(x, magnitude), infinite);
    const a = v128.and(f64x2.sub(f64x2.promote_low_f32x4(x), middle), v128.shuffle<i32>(sound, sound, 0, 0, 1, 1));
    const b = v128.and(f64x2.sub(promoteHigh(x), middle), v128.shuffle<i32>(sound, sound, 2, 2, 3, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  writeStats(out, mean, total(low, high), min, max, counted, totalCount(zeros), totalCount(nans) - (-count & 3));
}

function least(lanes: v128): f32 {
  const half = f32x4.pmin(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1));
  const a = f32x4.extract_lane(half, 0);
  const b = f32x4.extract_lane(half, 1);
  return b < a ? b : a;
}

function greatest(lanes: v128): f32 {
  const half = f32x4.pmax(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1));
  const a = f32x4.extract_lane(half, 0);
  const b = f32x4.extract_lane(half, 1);
  return b > a ? b : a;
}

/** Bytes of a whole tile, and of what `statsTile` writes. */
const TILE_BYTES: usize = 262144;
const TILE_LENGTH: i32 = 65536;
const RECORD_BYTES: usize = 64;

// @ts-ignore: decorator
@inline
function lengthOf(tile: i32, count: i32): i32 {
  return min(TILE_LENGTH, count - tile * TILE_LENGTH);
}

/** `statsTile` of the tiles [from, to) of `count` values; tile i writes to `out` + 64 · i. For a team. */
export function statsTiles(values: usize, count: i32, _: usize, out: usize, from: i32, to: i32): void {
  for (let tile = from; tile < to; tile++) {
    statsTile(values + <usize>tile * TILE_BYTES, lengthOf(tile, count), out + <usize>tile * RECORD_BYTES);
  }
}

/**
 * `histogramTile` of the tiles [from, to) of `count` values, each with scratch of its own, `stride` bytes apart.
 * `job` is f64 low, f64 perUnit, i32 bins, i32 stride. For a team.
 */
export function histogramTiles(values: usize, count: i32, job: usize, out: usize, from: i32, to: i32): void {
  const bins = load<i32>(job, 16);
  const stride = load<u32>(job, 20);
  for (let tile = from; tile < to; tile++) {
    const scratch = out + <usize>tile * stride;
    histogramTile(values + <usize>tile * TILE_BYTES, lengthOf(tile, count), load<f64>(job), load<f64>(job, 8), bins, scratch);
  }
}

/** With more bins there is one table of counters instead of four. */
const FOUR_TABLES: i32 = 2048;
const LANES: usize = memory.data<i32>([0, 1, 2, 3], 16);

/**
 * Writes `bins` + 2 counters (u32) behind `PLACES_BYTES` of `scratch`: bin ⌊(x − low) · perUnit⌋ in double, where
 * `bins` itself collects the upper edge and `bins` + 1 whatever lies outside or is no number. Behind them follow
 * three tables of the same size, rounded up to vectors: every lane has its own, for values that are all alike would
 * wait for one counter. Values behind `count` as above.
 *
 * In float32 the place is off by less than `bins` · 2^-22, so only the few that come so near to a border are
 * computed in double. Counters are increased after their addresses are known: taking lanes out of a vector one by
 * one takes longer.
 */
export function histogramTile(values: usize, count: i32, low: f64, perUnit: f64, bins: i32, scratch: usize): void {
  // A rounded border, a subnormal factor, a range beyond float32 or too many bins leave float32 without a bound.
  const slack = <f32>bins * <f32>2.384185791015625e-7;
  const isBounded = <f64><f32>low == low && perUnit >= 1.1754943508222875e-38 && <f64>bins < perUnit * 3.4e38 && slack < 0.25;
  const near = f32x4.splat(isBounded ? slack * slack : Infinity);
  const counters = scratch + PLACES_BYTES;
  const tableBytes = (bins + 5) << 2 & ~15;
  const tables = bins <= FOUR_TABLES ? 4 : 1;
  memory.fill(counters, 0, tables * tableBytes);
  const first = i32x4.add(i32x4.splat(<i32>counters), i32x4.mul(v128.load(LANES), i32x4.splat(tables == 1 ? 0 : tableBytes)));
  const start = f32x4.splat(<f32>low);
  const factor = f32x4.splat(<f32>perUnit);
  const magic = v128.load(MAGIC);
  const zero = f32x4.splat(0);
  const last = i32x4.splat(bins + 1);
  const end = endOf(values, count);
  pad(values, count, NaN);
  for (let block = values; block < end; block += PLACES_BYTES) {
    const stop = min(block + PLACES_BYTES, end);
    let place = scratch;
    let nearest = v128.load(INFINITE);
    for (let at = block; at < stop; at += 16) {
      const exact = f32x4.mul(f32x4.sub(v128.load(at), start), factor);
      const sum = f32x4.add(exact, magic);
      const beyond = f32x4.sub(exact, f32x4.sub(sum, magic));
      nearest = f32x4.pmin(nearest, f32x4.mul(beyond, beyond));
      // Rounded to the nearest and then down. What lies below the first bin is, as unsigned, past the last.
      const bin = i32x4.sub(i32x4.add(sum, f32x4.lt(beyond, zero)), magic);
      v128.store(place, i32x4.add(i32x4.shl(i32x4.min_u(bin, last), 2), first));
      place += 16;
    }
    if (!isBounded || v128.any_true(f32x4.le(nearest, near))) {
      place = scratch;
      for (let at = block; at < stop; at += 16) {
        const x = v128.load(at);
        const exact = f32x4.mul(f32x4.sub(x, start), factor);
        const beyond = f32x4.sub(exact, f32x4.sub(f32x4.add(exact, magic), magic));
        if (!isBounded || v128.any_true(f32x4.le(f32x4.mul(beyond, beyond), near))) {
          v128.store(place, i32x4.add(i32x4.shl(i32x4.min_u(exactBins(x, low, perUnit), last), 2), first));
        }
        place += 16;
      }
    }
    bumpAll(scratch, place);
  }
  if (tables == 4) addTables(counters, tableBytes);
}

/** Adds the other three tables to the first. */
function addTables(counters: usize, tableBytes: i32): void {
  for (let at = counters; at < counters + tableBytes; at += 16) {
    const a = i32x4.add(v128.load(at), v128.load(at + tableBytes));
    const b = i32x4.add(v128.load(at + 2 * tableBytes), v128.load(at + 3 * tableBytes));
    v128.store(at, i32x4.add(a, b));
  }
}

/** The bins of four values in double; of a NaN, one that is past the last. */
function exactBins(values: v128, low: f64, perUnit: f64): v128 {
  const start = f64x2.splat(low);
  const factor = f64x2.splat(perUnit);
  const x = v128.bitselect(values, v128.load(INFINITE), f32x4.eq(values, values));
  // Rounded down, so that what lies below the first bin is negative.
  const a = f64x2.floor(f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(x), start), factor));
  const b = f64x2.floor(f64x2.mul(f64x2.sub(promoteHigh(x), start), factor));
  return v128.shuffle<i64>(i32x4.trunc_sat_f64x2_s_zero(a), i32x4.trunc_sat_f64x2_s_zero(b), 0, 2);
}

/** Addresses of counters, of so many values at a time. */
export const PLACES_BYTES: usize = 1024;

/** Increases the counters whose addresses stand in [from, to). */
// @ts-ignore: decorator
@inline
export function bumpAll(from: usize, to: usize): void {
  for (let at = from; at < to; at += 16) {
    bump(load<u32>(at));
    bump(load<u32>(at, 4));
    bump(load<u32>(at, 8));
    bump(load<u32>(at, 12));
  }
}

// @ts-ignore: decorator
@inline
export function bump(counter: usize): void {
  store<u32>(counter, load<u32>(counter) + 1);
}

/**
 * Copies the values in [low, high] to `out`, in order; returns how many they are, and writes to `below` how many
 * are less. Any count.
 */
export function gatherTile(values: usize, count: i32, low: f32, high: f32, out: usize, below: usize): i32 {
  const lowest = f32x4.splat(low);
  const highest = f32x4.splat(high);
  const end = values + (<usize>(count & ~7) << 2);
  let less = i32x4.splat(0);
  let to = out;
  for (let at = values; at < end; at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    less = i32x4.sub(less, i32x4.add(f32x4.lt(a, lowest), f32x4.lt(b, lowest)));
    const inA = v128.and(f32x4.ge(a, lowest), f32x4.le(a, highest));
    const inB = v128.and(f32x4.ge(b, lowest), f32x4.le(b, highest));
    if (v128.any_true(v128.or(inA, inB))) {
      for (let i: usize = 0; i < 32; i += 4) to = keep(load<f32>(at + i), low, high, to);
    }
  }
  let under = totalCount(less);
  for (let i = count & ~7; i < count; i++) {
    const value = load<f32>(values + (<usize>i << 2));
    if (value < low) under++;
    to = keep(value, low, high, to);
  }
  store<i32>(below, under);
  return <i32>((to - out) >> 2);
}

// @ts-ignore: decorator
@inline
function keep(value: f32, low: f32, high: f32, to: usize): usize {
  if (!(value >= low && value <= high)) return to;
  store<f32>(to, value);
  return to + 4;
}

/** Writes f64 Σx², f64 Σ(x − y)² and f64 max |x − y| to `out`. */
export function errorTile(reference: usize, values: usize, count: i32, out: usize): void {
  const magnitude = f64x2.splat(reinterpret<f64>(0x7fffffffffffffff));
  let signalLow = f64x2.splat(0);
  let signalHigh = signalLow;
  let noiseLow = signalLow;
  let noiseHigh = signalLow;
  let worst = signalLow;
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const x = v128.load(reference + at);
    const y = v128.load(values + at);
    const a = f64x2.promote_low_f32x4(x);
    const b = promoteHigh(x);
    const c = f64x2.sub(a, f64x2.promote_low_f32x4(y));
    const d = f64x2.sub(b, promoteHigh(y));
    signalLow = f64x2.add(signalLow, f64x2.mul(a, a));
    signalHigh = f64x2.add(signalHigh, f64x2.mul(b, b));
    noiseLow = f64x2.add(noiseLow, f64x2.mul(c, c));
    noiseHigh = f64x2.add(noiseHigh, f64x2.mul(d, d));
    worst = f64x2.pmax(worst, f64x2.pmax(v128.and(c, magnitude), v128.and(d, magnitude)));
  }
  store<f64>(out, total(signalLow, signalHigh));
  const noise = total(noiseLow, noiseHigh);
  store<f64>(out, noise, 8);
  // pmax is one instruction and forgets a NaN; the sum does not.
  store<f64>(out, noise != noise ? noise : max(f64x2.extract_lane(worst, 0), f64x2.extract_lane(worst, 1)), 16);
}

/** IEEE binary16 patterns to float32: the exponent is moved by a product with 2^112, which is exact for all of them. */
export function float16Tile(patterns: usize, count: i32, out: usize): void {
  const shift = f32x4.splat(reinterpret<f32>(0x77800000));
  const all = i32x4.splat(0x7fff);
  const special = i32x4.splat(0x7c00);
  const exponent = i32x4.splat(0x7f800000);
  for (let i = 0; i < count; i += 4) {
    const h = i32x4.extend_low_i16x8_u(v128.load64_zero(patterns + (<usize>i << 1)));
    const low = v128.and(h, all);
    const value = f32x4.mul(i32x4.shl(low, 13), shift);
    const big = v128.or(value, v128.and(i32x4.ge_s(low, special), exponent));
    v128.store(out + (<usize>i << 2), v128.or(big, i32x4.shl(v128.andnot(h, all), 16)));
  }
}

/** bfloat16 patterns to float32: its upper halves. */
export function bfloat16Tile(patterns: usize, count: i32, out: usize): void {
  const zero = i32x4.splat(0);
  for (let i = 0; i < count; i += 8) {
    const x = v128.load(patterns + (<usize>i << 1));
    const at = out + (<usize>i << 2);
    v128.store(at, v128.shuffle<i16>(zero, x, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(at, v128.shuffle<i16>(zero, x, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  }
}
