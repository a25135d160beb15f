/** Levels of nesting: serde's own limit, which the reference reader of safetensors has. */
export const maxDepth = 128;

/** Digits of a number that are kept; the largest a file can mean, 2^64, has 20. */
export const maxNumberLength = 400;
