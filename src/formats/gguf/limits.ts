/** Keys and values: real files have 20 to 60. */
export const maxKeyValues = 100_000;

/** Tensors: real files have up to a few thousand; each costs memory here. */
export const maxTensors = 1_000_000;

/** One string: a chat template has some kilobytes. */
export const maxStringBytes = 64 * 1024 * 1024;

/** Elements of one array, which is stepped over: vocabularies have 32,000 to 300,000. */
export const maxArrayElements = 2 ** 27;

/** Arrays in arrays; llama.cpp reads none. */
export const maxArrayDepth = 4;

/** Alignment of the data: 32 in practice. */
export const maxAlignment = 1024 * 1024;

/** Dimensions of a tensor: ggml's own limit. */
export const maxRank = 4;

/** Names from here on llama.cpp refuses; other programs raise its limit. */
export const llamaNameBytes = 64;

/** A text as it is shown; what is longer is cut with its true length. */
export const maxTextBytes = 64 * 1024;

/** Elements of an array that are shown; a longer one is named by its type and length. */
export const maxShownElements = 16;

/** One tensor in memory. */
export const maxTensorBytes = 2 ** 31 - 1;

/** Parts of a split model that are opened together. */
export const maxParts = 1_000;
