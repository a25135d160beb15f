// Constants are loaded from memory once a call: V8 builds a splat anew in every iteration of a loop.
export const ONES_I16: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
/** Sixteen vectors in which a row's accumulators wait for the epilogue. */
export const ACCUMULATORS: usize = memory.data(256, 16);
