/**
 * The one error type that reaches a person. Malformed (the file is damaged), unsupported
 * (sound, but we cannot do it), invalid (the request is wrong), aborted and internal are
 * different things and say so.
 */
export type ErrorKind = 'malformed' | 'unsupported' | 'invalid' | 'io' | 'aborted' | 'internal';

/**
 * Where in a file something is wrong. Offsets are bytes from the start of the file, or of `entry` when that is given;
 * errors of an archive itself (E_ZIP_*) name the entry and count from the start of the file.
 */
export interface ErrorPlace {
  readonly file?: string;
  readonly entry?: string;
  readonly offset?: number;
  readonly field?: string;
  readonly tensor?: string;
}

export interface ErrorDetails {
  /** Stable name, such as `E_ZIP_TRUNCATED`. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** One sentence: what is wrong. */
  readonly message: string;
  readonly where?: ErrorPlace;
  readonly found?: string;
  readonly expected?: string;
  /** One sentence: what to do. */
  readonly hint?: string;
  /** Arguments of a constructor that somebody must give: what was worked out, null for the others. */
  readonly asked?: Readonly<Record<string, number | null>>;
  /** Tensors of a refused file whose names and shapes can be read all the same, and those of them whose values can. */
  readonly sound?: { readonly tensors: number; readonly values: number };
}

export class QuantscopeError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(details: ErrorDetails) {
    super(details.message);
    this.name = 'QuantscopeError';
    this.code = details.code;
    this.details = details;
  }
}

export function malformed(code: string, message: string, rest: Partial<ErrorDetails> = {}): QuantscopeError {
  return new QuantscopeError({ ...rest, code, kind: 'malformed', message });
}

export function unsupported(code: string, message: string, rest: Partial<ErrorDetails> = {}): QuantscopeError {
  return new QuantscopeError({ ...rest, code, kind: 'unsupported', message });
}

export function invalid(code: string, message: string, rest: Partial<ErrorDetails> = {}): QuantscopeError {
  return new QuantscopeError({ ...rest, code, kind: 'invalid', message });
}

export function aborted(): QuantscopeError {
  return new QuantscopeError({ code: 'E_ABORTED', kind: 'aborted', message: 'Cancelled.' });
}

/** Any thrown value as plain details, with the file's name filled in where it is missing. */
export function toErrorDetails(error: unknown, file?: string): ErrorDetails {
  if (error instanceof QuantscopeError) {
    const { details } = error;
    return file === undefined || details.where?.file !== undefined
      ? details
      : { ...details, where: { ...details.where, file } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'E_INTERNAL',
    kind: 'internal',
    message: `Quantscope failed unexpectedly: ${message}`,
    where: file === undefined ? undefined : { file },
    hint: 'Please report this with the file, or the command that led here.',
  };
}

/** The error as one line for a terminal or a log: what, where, what to do. */
export function formatError(details: ErrorDetails): string {
  const { where } = details;
  const place = [
    where?.file,
    where?.entry,
    where?.tensor,
    where?.offset === undefined ? undefined : `byte ${where.offset}`,
    where?.field,
  ].filter((part) => part !== undefined);
  const { expected, found } = details;
  const known = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean);
  const compare = expected === undefined ? '' : ` (${known.join(', ')})`;
  const at = place.length === 0 ? '' : `${place.join(', ')}: `;
  return `${at}${details.message}${compare}${details.hint === undefined ? '' : ` ${details.hint}`} [${details.code}]`;
}
