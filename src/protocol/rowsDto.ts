import type { QuantizeSpecDto } from './quantizeDto';

/** The lines of the module tree, page by page. */

/** Which rows of the tree table, and in which state of expansion. */
export interface RowsQueryDto {
  /** Text that a row's full name must contain; ancestors of matches stay visible. */
  readonly filter: string;
  /** Ids of modules whose expansion differs from `base`. */
  readonly toggled: readonly string[];
  readonly base: 'default' | 'all' | 'none';
  readonly start: number;
  readonly count: number;
  /** Order of the rows below each module; the file's where it is missing. */
  readonly sort?: RowsSortDto | null;
  /** Show before and after for this spec; null before Quantize. */
  readonly spec: QuantizeSpecDto | null;
}

export interface RowsSortDto {
  readonly by: 'name' | 'type' | 'size' | 'sqnr';
  readonly descending: boolean;
}

export interface RowDto {
  /** `m:` + path or `t:` + tensor name. */
  readonly id: string;
  readonly kind: 'module' | 'tensor' | 'opaque';
  /** 1 for the root, as in aria-level. */
  readonly level: number;
  readonly setSize: number;
  readonly posInSet: number;
  /** Last part of the name. */
  readonly label: string;
  readonly fullName: string;
  /** Modules: "LSTM"; empty for containers of unknown type. */
  readonly moduleType: string;
  /** Modules: "LSTM(64, 64, num_layers=2)". */
  readonly repr: string;
  readonly shape: readonly number[] | null;
  readonly dtype: string;
  readonly bytes: number;
  /** With everything below a module; 0 for a tensor. */
  readonly tensorCount: number;
  readonly expanded: boolean | null;
  /** Tick box: null where there is none. */
  readonly ticked: 'true' | 'false' | 'mixed' | null;
  /** Why the box cannot be ticked, or why the module stays float. */
  readonly note: string;
  /** After Quantize; null where nothing changed. */
  readonly after: { readonly dtype: string; readonly bytes: number; readonly sqnrDb: number | null } | null;
}

/** `index` is −1 while the row is hidden; then `collapsed` are the ids to expand. */
export interface RowPlaceDto {
  readonly index: number;
  readonly collapsed: readonly string[];
}

export interface RowsPageDto {
  readonly total: number;
  readonly start: number;
  readonly rows: readonly RowDto[];
}

/** The small histogram in a row of the tree. */
export interface SparklineDto {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly counts: readonly number[];
}
