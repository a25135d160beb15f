/** x · w twice over, as the relaxed dot product has it: 2 · x · w on a machine that takes the byte w as unsigned. */
export function relaxedDotProbe(weight: i32, x: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 0;
  return i16x8.extract_lane_s(i16x8.relaxed_dot_i8x16_i7x16_s(i8x16.splat(<i8>x), i8x16.splat(<i8>weight)), 0);
}
