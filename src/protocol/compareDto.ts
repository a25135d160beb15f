/** Two files or two versions of one side by side. */

export interface ComparedSideDto {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: number;
}

/** One tensor of two files; null where a file does not have it. */
export interface ComparedTensorDto {
  readonly name: string;
  readonly change: 'added' | 'removed' | 'reshaped' | 'unread' | 'changed' | 'equal';
  readonly before: ComparedSideDto | null;
  readonly after: ComparedSideDto | null;
  readonly error: { readonly sqnrDb: number; readonly rmse: number; readonly maxAbsError: number } | null;
}

export interface ComparedFileDto {
  readonly file: string;
  readonly label: string;
  readonly bytes: number;
  readonly tensors: number;
}

export interface ComparisonDto {
  readonly before: ComparedFileDto;
  readonly after: ComparedFileDto;
  readonly counts: Readonly<Record<ComparedTensorDto['change'], number>>;
  /** Over all tensors that both files have with one shape. */
  readonly total: { readonly sqnrDb: number; readonly rmse: number; readonly maxAbsError: number } | null;
  /** All that are not equal, at most 5,000: missing ones first, then by error. */
  readonly tensors: readonly ComparedTensorDto[];
}

/** The language that a report is to be in: its texts by the English ones, as VS Code's bundle has them. */
export interface ReportTextsDto {
  readonly language: string;
  readonly texts: Readonly<Record<string, string>>;
}

/** The report of one file in both forms. */
export interface ReportDto {
  readonly html: string;
  readonly json: string;
}
