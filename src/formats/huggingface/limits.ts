/** Bytes of a config: the largest hold a label for every class and stay far below. */
export const maxConfigBytes = 4 * 1024 * 1024;

/** Characters of one text that is kept. */
export const maxText = 200;
