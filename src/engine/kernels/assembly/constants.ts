// Constants are loaded from memory: V8 builds a constant vector anew at every use, in four instructions.
export const ONES_I16: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/** Low mantissa bits of a double that lands on the middle of two float32; see fma.ts. */
export const LOW_29: usize = memory.data<u64>([0x1fffffff, 0x1fffffff], 16);
export const MIDDLE: usize = memory.data<u64>([0x10000000, 0x10000000], 16);
/** Largest float32 below 2^31. */
export const INT_LIMIT: usize = memory.data<f32>([2147483520, 2147483520, 2147483520, 2147483520], 16);
