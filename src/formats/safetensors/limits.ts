/** Bytes of the JSON header: the limit of the reference reader. */
export const maxHeaderBytes = 100_000_000;

/** Dimensions that are shown; the reference has no limit, numpy's is 64. */
export const maxRank = 64;

/** Bytes of one metadata text that are kept: what a person may still read. */
export const maxMetadataText = 64 * 1024;

/** Metadata keys that are kept. */
export const maxMetadataKeys = 1_000;

/** One tensor in memory: more is refused with its size instead of failing half way. */
export const maxTensorBytes = 2 ** 31 - 1;
