/** Dimensions of a tensor: numpy's own limit. */
export const maxRank = 64;

/** Nodes of the object graph that are walked for tensors; shared objects count every time they are met. A Set ends at 2^24. */
export const maxNodes = 16_000_000;

/** Keys of one dict that are compared with each other. */
export const maxKeys = 4_000_000;

/** Containers in each other, below which tensors are not looked for: a path of more levels is no name of a module. */
export const maxDepth = 1_000;

/** Bytes of small records such as `version` and `byteorder`. */
export const maxRecordBytes = 4_096;

/** Sources of a TorchScript archive that are read for the constants of its classes: a large model has 2 MB. */
export const maxScriptBytes = 16 * 1024 * 1024;

/** Bytes of one source that are shown: an editor is slow beyond. */
export const maxSourceBytes = 4 * 1024 * 1024;

/** One tensor in memory: more is refused with its size instead of failing half way. */
export const maxTensorBytes = 2 ** 31 - 1;

/** Bytes of the JSON that describes the weights of an exported program: some 400 a tensor, so half a million of them. */
export const maxConfigBytes = 256 * 1024 * 1024;

/** Pickles inside pickles that are read as data: PyTorch nests once. */
export const maxNesting = 3;

/** A pickle by itself is read whole, because its tensors stand in it. */
export const maxBarePickleBytes = 1024 * 1024 * 1024;
