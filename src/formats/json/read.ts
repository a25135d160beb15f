import type { AbortCheck } from '../../core/abort';
import { type ErrorDetails, malformed, type QuantscopeError } from '../../core/errors';
import { maxDepth, maxNumberLength } from './limits';

/**
 * JSON, pulled value by value out of bytes (RFC 8259). `JSON.parse` cannot be interrupted, takes
 * the last of two equal keys, rounds integers above 2^53 and sorts keys that look like numbers;
 * here the caller sees every key in order, with its offset.
 */
export class JsonReader {
  private at = 0;
  private depth = 0;
  /** By level: whether a value has been read there. */
  private readonly begun: boolean[] = new Array(maxDepth + 1).fill(false);
  /** By level: whether it is an object. */
  private readonly inObject: boolean[] = new Array(maxDepth + 1).fill(false);
  private keys = 0;
  /** Short strings by length, see asciiText. */
  private readonly known: string[][] = [];

  /** `base` is the offset of `bytes` in the file, and `code` the code of its errors. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly base: number,
    private readonly code: string,
    private readonly abort: AbortCheck,
  ) {}

  /** Offset in the file of the key that was read last. */
  keyOffset = 0;

  /** Offset in the file of the next value. */
  get offset(): number {
    this.skipSpace();
    return this.base + this.at;
  }

  /** What the next value is; nothing is read. */
  peek(): 'object' | 'array' | 'string' | 'number' | 'word' {
    this.skipSpace();
    const byte = this.bytes[this.at];
    if (byte === 0x7b) return 'object';
    if (byte === 0x5b) return 'array';
    if (byte === 0x22) return 'string';
    if (byte === 0x2d || isDigit(byte)) return 'number';
    if (byte === 0x74 || byte === 0x66 || byte === 0x6e) return 'word';
    throw this.unexpected('a value');
  }

  beginObject(): void {
    this.expect(0x7b, '"{"');
    this.enter();
  }

  /** The next key of the object that was begun, or undefined at its end. */
  nextKey(): string | undefined {
    if ((++this.keys & 0xfff) === 0) this.abort.throwIfAborted();
    if (!this.another(0x7d, '"}"')) return undefined;
    this.keyOffset = this.base + this.at;
    const key = this.string();
    this.expect(0x3a, '":"');
    return key;
  }

  beginArray(): void {
    this.expect(0x5b, '"["');
    this.enter();
  }

  /** Whether the array that was begun has another value. */
  nextItem(): boolean {
    return this.another(0x5d, '"]"');
  }

  /** A string of at most `maxBytes` bytes of JSON. */
  string(maxBytes = Number.POSITIVE_INFINITY): string {
    this.expect(0x22, 'a string');
    const start = this.at;
    const { bytes } = this;
    const stop = Math.min(start + maxBytes, bytes.length);
    let plain = true;
    let at = start;
    for (; at <= stop; at++) {
      const byte = bytes[at];
      if (byte === 0x22) break;
      if (byte === 0x5c) at++;
      if (byte === 0x5c || byte >= 0x80) plain = false;
      else if (byte < 0x20 || byte === undefined) throw this.fail(at, 'a string that ends on its line');
    }
    if (at - start > maxBytes) {
      throw this.error(start, 'A text is longer than any that this field can hold.', {
        expected: `at most ${maxBytes} bytes`,
        found: 'more',
      });
    }
    this.at = at + 1;
    return plain ? this.asciiText(start, at) : this.text(start, at);
  }

  /** The digits of a number, as the file writes them. */
  numberText(): string {
    this.skipSpace();
    const start = this.at;
    const { bytes } = this;
    let at = start;
    if (bytes[at] === 0x2d) at++;
    const digits = () => {
      const first = at;
      while (isDigit(bytes[at])) at++;
      if (at === first) throw this.fail(at, 'a digit');
    };
    if (bytes[at] === 0x30) at++;
    else digits();
    if (bytes[at] === 0x2e) {
      at++;
      digits();
    }
    if ((bytes[at] | 0x20) === 0x65) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      digits();
    }
    if (isWordByte(bytes[at])) throw this.fail(at, 'the end of a number');
    if (at - start > maxNumberLength) throw this.error(start, 'A number has more digits than any that is meant.');
    this.at = at;
    return this.asciiText(start, at);
  }

  /** A number without sign, fraction and exponent; exact, as a BigInt above 2^53. `what` is for messages. */
  wholeNumber(what: string): number | bigint {
    if (this.peek() !== 'number') throw this.unexpected(`${what}, a whole number`);
    const start = this.at;
    const text = this.numberText();
    if (text.length <= 15) {
      let value = 0;
      let digits = true;
      for (let i = 0; i < text.length; i++) {
        const digit = text.charCodeAt(i) - 0x30;
        if (digit < 0 || digit > 9) digits = false;
        value = value * 10 + digit;
      }
      if (digits) return value;
    } else if (/^\d+$/.test(text)) {
      const value = BigInt(text);
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
    }
    throw this.error(start, `The file gives a wrong number for ${what}.`, {
      found: text.slice(0, 40),
      expected: 'a whole number that is not negative',
    });
  }

  /** Reads over the next value, whatever it is. */
  skip(): void {
    const level = this.depth;
    do {
      if (this.depth > level && !this.more()) continue;
      const kind = this.peek();
      if (kind === 'object') this.beginObject();
      else if (kind === 'array') this.beginArray();
      else if (kind === 'string') this.string();
      else if (kind === 'number') this.numberText();
      else this.word();
    } while (this.depth > level);
  }

  /** `true`, `false` or `null`. */
  word(): boolean | null {
    this.skipSpace();
    for (const [text, value] of words) {
      if (![...text].every((char, i) => this.bytes[this.at + i] === char.charCodeAt(0))) continue;
      this.at += text.length;
      return value;
    }
    throw this.unexpected('a value');
  }

  /** After the last value only white space may follow. */
  end(): void {
    this.skipSpace();
    if (this.at < this.bytes.length) throw this.unexpected('the end of the JSON text');
  }

  /** An error at this offset of the file. */
  errorAt(offset: number, message: string, rest: Partial<ErrorDetails> = {}): QuantscopeError {
    return this.error(offset - this.base, message, rest);
  }

  /** Next value of whatever stands open, while skipping: an object's key is read over. */
  private more(): boolean {
    return this.inObject[this.depth] ? this.nextKey() !== undefined : this.nextItem();
  }

  private enter(): void {
    if (this.depth === maxDepth) {
      throw this.error(this.at - 1, `The JSON text nests deeper than ${maxDepth} levels.`, {
        found: `more than ${maxDepth} levels`,
        expected: `at most ${maxDepth}`,
      });
    }
    this.depth++;
    this.begun[this.depth] = false;
    this.inObject[this.depth] = this.bytes[this.at - 1] === 0x7b;
  }

  /** Comma before a further value, or the closing bracket. */
  private another(closing: number, name: string): boolean {
    this.skipSpace();
    if (this.bytes[this.at] === closing) {
      this.at++;
      this.depth--;
      return false;
    }
    if (this.begun[this.depth]) {
      if (this.bytes[this.at] !== 0x2c) throw this.unexpected(`"," or ${name}`);
      this.at++;
      this.skipSpace();
      if (this.bytes[this.at] === closing) throw this.unexpected('a value after the comma');
    }
    this.begun[this.depth] = true;
    return true;
  }

  private expect(byte: number, what: string): void {
    this.skipSpace();
    if (this.bytes[this.at] !== byte) throw this.unexpected(what);
    this.at++;
  }

  private skipSpace(): void {
    const { bytes } = this;
    for (let byte = bytes[this.at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; ) {
      byte = bytes[++this.at];
    }
  }

  /** Field names and dtypes come in millions; the few that there are become one string each. */
  private asciiText(start: number, end: number): string {
    const length = end - start;
    if (length > 16) return ascii.decode(this.bytes.subarray(start, end));
    this.known[length] ??= [];
    const known = this.known[length];
    for (const text of known) if (this.equals(start, text)) return text;
    const text = ascii.decode(this.bytes.subarray(start, end));
    if (known.length < 8) known.push(text);
    return text;
  }

  private equals(start: number, text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** A string with escapes or characters beyond ASCII. */
  private text(start: number, end: number): string {
    let text = '';
    let run = start;
    for (let at = start; at < end; at++) {
      if (this.bytes[at] !== 0x5c) continue;
      text += this.utf8(run, at);
      const { char, length } = this.escape(at);
      text += char;
      at += length - 1;
      run = at + 1;
    }
    text += this.utf8(run, end);
    if (loneSurrogate.test(text)) throw this.fail(start, 'pairs of surrogates only');
    return text;
  }

  private escape(at: number): { char: string; length: number } {
    const kind = String.fromCharCode(this.bytes[at + 1]);
    const simple = escapes.get(kind);
    if (simple !== undefined) return { char: simple, length: 2 };
    const hex = kind === 'u' ? String.fromCharCode(...this.bytes.subarray(at + 2, at + 6)) : '';
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.fail(at, 'an escape that JSON has');
    return { char: String.fromCharCode(Number.parseInt(hex, 16)), length: 6 };
  }

  private utf8(start: number, end: number): string {
    if (start === end) return '';
    try {
      return utf8.decode(this.bytes.subarray(start, end));
    } catch {
      throw this.fail(start + firstInvalid(this.bytes.subarray(start, end)), 'UTF-8');
    }
  }

  private unexpected(expected: string): QuantscopeError {
    this.skipSpace();
    return this.fail(this.at, expected);
  }

  private fail(at: number, expected: string): QuantscopeError {
    const { bytes } = this;
    const byte = bytes[at];
    const shown = byte > 0x20 && byte < 0x7f ? JSON.stringify(String.fromCharCode(byte)) : `byte ${byte?.toString(16)}`;
    return this.error(at, 'The JSON text of the file is not well formed.', {
      found: at < bytes.length ? shown : 'the end',
      expected,
    });
  }

  private error(at: number, message: string, rest: Partial<ErrorDetails> = {}): QuantscopeError {
    const place = Math.min(at, this.bytes.length);
    let line = 1;
    let column = 1;
    for (let i = 0; i < place; i++) {
      column++;
      if (this.bytes[i] !== 0x0a) continue;
      line++;
      column = 1;
    }
    return malformed(this.code, message, {
      where: { offset: this.base + place, field: `line ${line}, column ${column}` },
      ...rest,
    });
  }
}

const ascii = new TextDecoder('utf-8', { ignoreBOM: true });
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const words: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isWordByte(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2e;
}

/** Index of the first byte with which no UTF-8 text goes on: the shortest prefix that does not decode, halved to. */
function firstInvalid(bytes: Uint8Array): number {
  let sound = 0;
  let broken = bytes.length;
  while (broken - sound > 1) {
    const middle = (sound + broken) >> 1;
    if (decodes(bytes.subarray(0, middle))) sound = middle;
    else broken = middle;
  }
  return sound;
}

/** True also when the bytes end inside a character. */
function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
