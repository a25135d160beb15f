/** Largest central directory: 63 bytes an entry measured, so more entries than are allowed, with long names. */
export const maxDirectoryBytes = 512 * 1024 * 1024;

/**
 * Twice the entries that a checkpoint of half a million tensors has. Not two million: an archive of
 * so many empty entries is a bomb, which is refused by its number before its directory is read.
 */
export const maxEntries = 1_000_000;

/** The end record may be followed by a comment of up to 65,535 bytes; zip64 adds 76 before it. */
export const maxTailBytes = 65_535 + 22 + 76;

/** A deflated entry may grow at most this much: deflate's own limit is 1,032. */
export const maxInflateRatio = 1_032;

/** Records that are looked for in a file whose directory is missing. */
export const maxRecoveredEntries = 100_000;

/** Bytes of such a file that are looked through: a second or two on a slow disk. */
export const maxRecoveredBytes = 1024 * 1024 * 1024;
