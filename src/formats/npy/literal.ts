import { malformed } from '../../core/errors';
import { maxDepth } from './limits';
import type { Literal, LiteralList } from './types';

/**
 * The literals of Python that headers are made of: text in quotes, whole numbers (also with the L of
 * Python 2), True and False, tuples, lists, dicts. Nothing else is understood, so nothing can be
 * computed. `base` is the offset of the text in the file, for errors.
 */
export function parseLiteral(text: string, base: number): Literal {
  const parser = new LiteralParser(text, base);
  const value = parser.value();
  parser.end();
  return value;
}

const closings: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]);

class LiteralParser {
  private at = 0;
  /** Brackets that stand open; calls nest as deep, and no deeper. */
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly base: number,
  ) {}

  value(): Literal {
    this.skipSpace();
    const char = this.text[this.at];
    if (char === "'" || char === '"') return this.string(char);
    if (char === '(' || char === '[') return this.list(char);
    if (char === '{') return this.dict();
    const [word] = /^(True\b|False\b|\d+L?(?![\w.]))/.exec(this.text.slice(this.at, this.at + 400)) ?? [];
    if (word === undefined) throw this.error('text, a whole number, True, False, or brackets with them');
    this.at += word.length;
    if (word === 'True' || word === 'False') return word === 'True';
    if (/^0\d/.test(word)) throw this.error('a number without leading zeros', word.length);
    return BigInt(word.replace('L', ''));
  }

  end(): void {
    this.skipSpace();
    if (this.at < this.text.length) throw this.error('the end of the header');
  }

  private string(quote: string): string {
    const end = this.text.indexOf(quote, this.at + 1);
    if (end < 0) throw this.error(`a text that ends with ${quote}`);
    const text = this.text.slice(this.at + 1, end);
    const special = /[\\\n]/.exec(text);
    if (special !== null) {
      this.at += 1 + special.index;
      throw this.error('a text without escapes');
    }
    this.at = end + 1;
    return text;
  }

  private list(opening: '(' | '['): Literal {
    this.open();
    const items: Literal[] = [];
    let comma = true;
    while (!this.closes(closings.get(opening) as string)) {
      if (!comma) throw this.error('a comma');
      items.push(this.value());
      comma = this.takes(',');
    }
    // `(1)` is the number, `(1,)` the tuple.
    if (opening === '(' && items.length === 1 && !comma) return items[0];
    return { kind: opening === '(' ? 'tuple' : 'list', items } satisfies LiteralList;
  }

  private dict(): Literal {
    this.open();
    const entries = new Map<string, Literal>();
    let comma = true;
    while (!this.closes('}')) {
      if (!comma) throw this.error('a comma');
      this.skipSpace();
      const { at } = this;
      const key = this.value();
      if (typeof key !== 'string' || entries.has(key)) {
        this.at = at;
        throw this.error('a key in quotes that is not there yet');
      }
      if (!this.takes(':')) throw this.error('a colon');
      entries.set(key, this.value());
      comma = this.takes(',');
    }
    return entries;
  }

  private open(): void {
    if (++this.depth > maxDepth) throw this.error(`at most ${maxDepth} levels of brackets`);
    this.at++;
  }

  private closes(closing: string): boolean {
    if (!this.takes(closing)) return false;
    this.depth--;
    return true;
  }

  private takes(char: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private skipSpace(): void {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? '')) this.at++;
  }

  private error(expected: string, back = 0) {
    const at = this.at - back;
    const found = at < this.text.length ? JSON.stringify(this.text.slice(at, at + 20)) : 'the end';
    return malformed('E_NPY_HEADER', 'The header of the array is not one that numpy writes.', {
      where: { offset: this.base + at, field: `column ${at + 1}` },
      found,
      expected,
    });
  }
}
