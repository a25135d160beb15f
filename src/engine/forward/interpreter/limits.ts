/** Statements, expressions that call, iterations and module calls of one run: a 12-layer transformer takes 20,000. */
export const maxSteps = 2_000_000;

/** Multiply-adds and elements of one run, charged before an operator starts: minutes on one core. */
export const maxWork = 2e11;

/** Bytes of one tensor of a run. */
export const maxTensorBytes = 2 ** 29;

/** Bytes of all tensors that a run can still reach. */
export const maxLiveBytes = 3 * 2 ** 30;

/** Calls inside calls. */
export const maxCallDepth = 100;

/** Items of a list, tuple, dict or set, and characters of a string, that a program builds. */
export const maxItems = 100_000;

/** Field width of a format: `f'{x:>1000}'`. */
export const maxFormatWidth = 1_000;

/** Lines that print may write, and characters of each. */
export const maxPrintedLines = 1_000;
export const maxPrintedLine = 10_000;
