/** Characters of one source file or notebook cell; the largest module of transformers has 200,000. */
export const maxSourceLength = 1_000_000;

/** Lines of one source file. */
export const maxSourceLines = 50_000;

/** Brackets inside brackets, blocks inside blocks, and prefix operators in a row: the parser recurses on each. */
export const maxNesting = 100;

/** Depth of an expression's tree, where chains such as `a + b + c` count their length. */
export const maxTreeDepth = 500;

/** 2^63 − 1 is how traces write "to the end"; it becomes the largest whole number that is exact here. */
export const toTheEnd = Number.MAX_SAFE_INTEGER;
