import type { DType } from '../../core/dtype';

/** What the header of an array says. */
export interface NpyHeader {
  /** numpy's name of the element type, `<f4`, or a description of a structured one. */
  readonly descr: string;
  readonly element: ElementType;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the data starts, counted from the first byte of the array's file. */
  readonly dataStart: number;
}

/** How elements are stored. Those without dtype are listed and not read. */
export interface ElementType {
  readonly dtype?: DType;
  /** Bytes of one element; undefined where the header does not tell it simply. */
  readonly bytes?: number;
  readonly bigEndian: boolean;
  /** Elements are Python objects: the data is a pickle. */
  readonly isObject: boolean;
}

/** A value of Python's literal grammar, as far as headers use it. */
export type Literal = string | bigint | boolean | LiteralList | ReadonlyMap<string, Literal>;

export interface LiteralList {
  readonly kind: 'tuple' | 'list';
  readonly items: readonly Literal[];
}
