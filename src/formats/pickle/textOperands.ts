import { type Cursor, narrow } from './cursor';

/** Operands of the opcodes of protocol 0, which are lines of text. */

/** Characters of a number in text; a pattern over more could take forever. */
const maxNumberText = 1_000;

/** INT and LONG: Python's literal of a whole number, or 00 and 01 for False and True. */
export function decimal(cursor: Cursor, text: string): number | bigint | boolean {
  if (text === '00') return false;
  if (text === '01') return true;
  if (text.length > maxNumberText || !/^[+-]?\d+$/.test(text))
    throw cursor.fail('E_PICKLE_NUMBER', `${JSON.stringify(text.slice(0, 40))} is not a whole number.`);
  return narrow(BigInt(text));
}

/** FLOAT: what Python's float() takes of what repr() writes. */
export function float(cursor: Cursor, text: string): number {
  if (text.length <= maxNumberText && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  const special = /^([+-]?)(inf|nan)$/.exec(text);
  if (special === null) throw cursor.fail('E_PICKLE_NUMBER', `${JSON.stringify(text.slice(0, 40))} is not a number.`);
  return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** The index of PUT and GET; undefined for what is none. */
export function index(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The text of a protocol 0 string: Python's repr, in quotes. */
export function quoted(cursor: Cursor, text: string): string {
  const inner = /^(['"])(.*)\1$/s.exec(text)?.[2];
  if (inner === undefined) throw cursor.fail('E_PICKLE_STRING', 'STRING has no matching quotes.');
  return inner.replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, sequence: string) => unescaped(sequence));
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '0': '\0', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unescaped(sequence: string): string {
  if (sequence.length === 3) return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
  return escapes[sequence] ?? sequence;
}
