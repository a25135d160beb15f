/** Bytes of an array's header: numpy warns above 10,000; structured types of tables reach more. */
export const maxHeaderBytes = 1024 * 1024;

/** Nesting of the header's text: structured types hold others. */
export const maxDepth = 32;

/** Dimensions: numpy's own limit. */
export const maxRank = 64;

/** Arrays of one .npz. */
export const maxArrays = 20_000;

/** Bytes of the pickle in an object array that is judged. */
export const maxPickleBytes = 64 * 1024 * 1024;

/** One tensor in memory: more is refused with its size instead of failing half way. */
export const maxTensorBytes = 2 ** 31 - 1;
