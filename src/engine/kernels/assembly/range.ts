// Smallest and largest value of a row of float32. pmin and pmax are one instruction each (min and max
// are seven, for their NaN rules); NaN is found by a mask beside them.

export let lowest: f32 = 0;
export let highest: f32 = 0;

/** Observes `count` values; false as soon as one is NaN. Empty input leaves [0, 0]. */
export function observe(values: usize, count: i32): bool {
  if (count == 0) {
    lowest = 0;
    highest = 0;
    return true;
  }
  const first = load<f32>(values);
  let min0 = f32x4.splat(first);
  let max0 = min0;
  let min1 = min0;
  let max1 = min0;
  let bad0 = i32x4.splat(0);
  let bad1 = bad0;
  let at = values;
  const end8 = values + ((<usize>count >> 3) << 5);
  while (at < end8) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    min0 = f32x4.pmin(a, min0);
    max0 = f32x4.pmax(a, max0);
    bad0 = v128.or(bad0, f32x4.ne(a, a));
    min1 = f32x4.pmin(b, min1);
    max1 = f32x4.pmax(b, max1);
    bad1 = v128.or(bad1, f32x4.ne(b, b));
    at += 32;
  }
  const min = f32x4.pmin(min0, min1);
  const max = f32x4.pmax(max0, max1);
  let nan = v128.any_true(v128.or(bad0, bad1)) || first != first;
  let low = smaller(smaller(f32x4.extract_lane(min, 0), f32x4.extract_lane(min, 1)), smaller(f32x4.extract_lane(min, 2), f32x4.extract_lane(min, 3)));
  let high = larger(larger(f32x4.extract_lane(max, 0), f32x4.extract_lane(max, 1)), larger(f32x4.extract_lane(max, 2), f32x4.extract_lane(max, 3)));
  const end = values + (<usize>count << 2);
  for (; at < end; at += 4) {
    const value = load<f32>(at);
    if (value < low) low = value;
    if (value > high) high = value;
    if (value != value) nan = true;
  }
  lowest = low;
  highest = high;
  return !nan;
}

export function setRange(low: f32, high: f32): void {
  lowest = low;
  highest = high;
}

// @ts-ignore: decorator
@inline
export function smaller(a: f32, b: f32): f32 {
  return b < a ? b : a;
}

// @ts-ignore: decorator
@inline
export function larger(a: f32, b: f32): f32 {
  return b > a ? b : a;
}

/** For the host: writes min and max to `out`; 0 when a value is NaN. */
export function minMaxArray(values: usize, count: i32, out: usize): i32 {
  const sound = observe(values, count);
  store<f32>(out, lowest);
  store<f32>(out, highest, 4);
  return sound ? 1 : 0;
}
