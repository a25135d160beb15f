/** Bytes of an index: four times the largest known, 60 MB for half a million tensors. */
export const maxIndexBytes = 250_000_000;

/** Shards of one model; the largest known has some hundred. */
export const maxShards = 10_000;

/** Bytes of a shard's name: a file name has at most 255. */
export const maxShardName = 1_024;

/** Tensors that are listed as missing, and names in one warning. */
export const maxMissing = 1_000;
