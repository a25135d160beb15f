import type { NamedTensor, Warning } from '../types';

/** One entry of the header, as the file writes it. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  /** Sizes above 2^53 only beside a size of 0. */
  readonly shape: readonly number[];
  /** Elements; exact. */
  readonly count: number;
  /** Byte range within the data that follows the header. */
  readonly begin: number;
  readonly end: number;
  /** Where the entry stands in the file. */
  readonly offset: number;
}

export interface Header {
  /** Offset of the first byte of data. */
  readonly dataStart: number;
  readonly entries: readonly HeaderEntry[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly warnings: readonly Warning[];
}

/** The tensors of a header in the order of their bytes, each checked against the file. */
export interface Layout {
  readonly tensors: readonly NamedTensor[];
  readonly warnings: readonly Warning[];
}
