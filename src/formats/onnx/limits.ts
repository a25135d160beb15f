/** Protocol Buffers refuses larger messages, so no other tool opens them either. */
export const maxMessageBytes = 2 ** 31 - 1;

/** Messages inside messages: the depth at which Protocol Buffers itself stops. */
export const maxDepth = 100;

/** A name or text as it is shown; what is longer is cut with its true length. Real names stay below 1 KiB. */
export const maxTextBytes = 64 * 1024;

/** Numbers or texts of one repeated field; a longer list is elided and stays in the file. */
export const maxListItems = 65_536;

/** Payloads up to here (scales, zero points, axes) are kept while the file is scanned. */
export const maxInlineBytes = 256;

/**
 * What a scan may build: a message weighs 4 and a text 1, about 50 bytes each. A graph of 100,000
 * nodes with shapes for every value needs 5 million.
 */
export const maxWeight = 8_000_000;

/** Nodes that are kept; the rest are counted. The largest published graphs have about 100,000. */
export const maxNodes = 250_000;

/** Dimensions of a tensor: numpy's own limit. */
export const maxRank = 64;

/** One tensor in memory. */
export const maxTensorBytes = 2 ** 31 - 1;

/** Distinct external files that are looked for on opening; exporters write one, or one a tensor. */
export const maxExternalFiles = 4_096;

/** Nodes that the module tree shows; beyond it only those that hold weights. */
export const maxOutlineNodes = 5_000;

/** A constant of so many elements is a weight that an exporter folded; smaller ones are shapes and axes. */
export const minConstantElements = 1_024;

/** Index lists of sparse tensors up to here are checked on opening, longer ones when the tensor is read. */
export const maxIndexBytes = 1024 * 1024;

/** The newest IR that this reader knows: onnx 1.23. */
export const newestIrVersion = 14;

/** The newest operator set of the default domain that this reader knows: onnx 1.23. */
export const newestOpset = 28;
