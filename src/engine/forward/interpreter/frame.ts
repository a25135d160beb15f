import { invalid, QuantscopeError } from '../../../core/errors';
import type { Value } from '../values/values';
import type { Run } from './run';

/** The variables of one call; `parent` is the call around a nested function. */
export class Frame {
  readonly slots: (Value | undefined)[];
  /** The line that runs, for errors. */
  line = 0;
  result: Value = null;

  constructor(
    readonly run: Run,
    size: number,
    readonly parent: Frame | undefined,
  ) {
    this.slots = new Array<Value | undefined>(size).fill(undefined);
  }
}

/** An error with the file and line where it happened; the innermost call names them. */
export function atLine(error: unknown, file: string, line: number): unknown {
  if (error instanceof RangeError) {
    // V8's own words for a stack or an allocation that is too large.
    return invalid('E_RUN_LIMIT', `The program asks for more than this machine gives: ${error.message}`, {
      where: { file, field: `line ${line}` },
    });
  }
  if (
    !(error instanceof QuantscopeError) ||
    error.details.where?.field !== undefined ||
    error.details.kind === 'aborted'
  )
    return error;
  return new QuantscopeError({ ...error.details, where: { ...error.details.where, file, field: `line ${line}` } });
}
