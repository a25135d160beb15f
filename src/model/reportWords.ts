/** How a report says its texts: the English ones are the keys, names and numbers stay. */
export interface ReportWords {
  /** For the page's `lang`. */
  readonly language: string;
  t(text: string, ...values: readonly (string | number)[]): string;
  /** A text that names a count: its own sentence for one. */
  plural(count: number, one: string, many: string, ...values: readonly (string | number)[]): string;
  /** A label or a reason that the engine wrote. */
  engine(text: string): string;
  /** What an error says. */
  error(code: string, message: string): string;
}
