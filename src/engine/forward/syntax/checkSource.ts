import { unsupported } from '../../../core/errors';
import { maxNesting, maxSourceLength, maxSourceLines } from './limits';

/**
 * A linear scan before the parser, which recurses: refuses what is nested deeper than any
 * program and longer than any model. Strings and comments are skipped, so brackets in them do
 * not count; text inside f-strings is skipped as a string and the parser's own stack is caught.
 */
export function checkSource(text: string, file: string): void {
  const refuse = (line: number, message: string, found: string, expected: string) =>
    unsupported('E_PY_LIMIT', message, {
      where: { file, field: `line ${line}` },
      found,
      expected,
      hint: 'This does not look like a model’s source.',
    });
  if (text.length > maxSourceLength) {
    throw refuse(1, 'The source is too long.', `${text.length} characters`, `at most ${maxSourceLength}`);
  }
  let line = 1;
  let depth = 0;
  let prefixes = 0;
  let i = 0;
  while (i < text.length) {
    const c = text[i];
    if (c === '\n') {
      line++;
      if (line > maxSourceLines)
        throw refuse(line, 'The source has too many lines.', `${line} lines`, `at most ${maxSourceLines}`);
      const indent = /^[ \t]*/.exec(text.slice(i + 1, i + 1002))?.[0].length ?? 0;
      if (indent > 1_000) throw refuse(line, 'The line is indented too far.', `${indent} columns`, 'at most 1000');
    } else if (c === '#') {
      while (i + 1 < text.length && text[i + 1] !== '\n') i++;
    } else if (c === '"' || c === "'") {
      const end = stringEnd(text, i);
      for (let k = i; k < end; k++) if (text[k] === '\n') line++;
      i = end - 1;
      prefixes = 0;
    } else if ('([{'.includes(c)) {
      if (++depth > maxNesting)
        throw refuse(line, 'Brackets are nested too deep.', `${depth} levels`, `at most ${maxNesting}`);
    } else if (')]}'.includes(c)) {
      depth = Math.max(0, depth - 1);
    }
    if ('-+~*'.includes(c)) {
      if (++prefixes > maxNesting)
        throw refuse(line, 'Too many operators in a row.', `${prefixes}`, `at most ${maxNesting}`);
    } else if (text.startsWith('not ', i) && !/\w/.test(text[i - 1] ?? ' ')) {
      if (++prefixes > maxNesting)
        throw refuse(line, 'Too many operators in a row.', `${prefixes}`, `at most ${maxNesting}`);
      i += 3;
    } else if (!/\s/.test(c)) prefixes = 0;
    i++;
  }
}

/** The index after the string literal that starts at `start`; the end of the text when it never closes. */
function stringEnd(text: string, start: number): number {
  const quote = text[start];
  const triple = text.startsWith(quote.repeat(3), start);
  const close = triple ? quote.repeat(3) : quote;
  let i = start + close.length;
  while (i < text.length) {
    if (text[i] === '\\') i += 2;
    else if (text.startsWith(close, i)) return i + close.length;
    else if (!triple && text[i] === '\n') return i;
    else i++;
  }
  return text.length;
}
