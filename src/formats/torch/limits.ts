/** Dimensions of a tensor: numpy's own limit. */
export const maxRank = 64;

/** Nodes of the object graph that are walked for tensors; shared objects count every time they are met. */
export const maxNodes = 20_000_000;

/** Depth of containers below which tensors are not looked for. */
export const maxDepth = 1_000;

/** Bytes of small records such as `version` and `byteorder`. */
export const maxRecordBytes = 4_096;
