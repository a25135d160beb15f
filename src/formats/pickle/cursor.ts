import { malformed, type QuantscopeError } from '../../core/errors';
import { maxIntegerBytes } from './limits';
import { PickleMark, type PickleValue } from './types';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const unfinished = 'The download or copy did not finish; fetch the file again.';
const damaged = 'The file was damaged, or made so that readers fail; fetch it again from where it came from.';

/** Reads a pickle's operands; every length is checked against the bytes that remain. */
export class Cursor {
  at = 0;
  /** The opcode under way, for messages. */
  opcode = '';
  opcodeAt = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly entry: string | undefined,
    /** Where the bytes start in the file. */
    readonly base: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  fail(code: string, message: string, compare: { found?: string; expected?: string } = {}): QuantscopeError {
    const where = { entry: this.entry, offset: this.opcodeAt, field: this.opcode };
    const hint = code === 'E_PICKLE_TRUNCATED' ? unfinished : damaged;
    return malformed(code, message, { where, hint, ...compare });
  }

  take(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, this.at);
  }

  /** The position of the next `length` bytes, which are consumed. */
  private skip(length: number): number {
    if (length > this.remaining) {
      throw this.fail('E_PICKLE_TRUNCATED', `The pickle ends inside ${this.opcode}.`, {
        found: `${this.remaining} bytes`,
        expected: `${length}`,
      });
    }
    this.at += length;
    return this.at - length;
  }

  u8 = () => this.view.getUint8(this.skip(1));
  u16 = () => this.view.getUint16(this.skip(2), true);
  u32 = () => this.view.getUint32(this.skip(4), true);
  i32 = () => this.view.getInt32(this.skip(4), true);
  f64 = () => this.view.getFloat64(this.skip(8), false);

  /** A length of 64 bits; one that no file can have is reported as such. */
  u64(): number {
    const value = this.view.getBigUint64(this.skip(8), true);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
  }

  /** A length of 32 bits with a sign, which may not be used. */
  length32(): number {
    const length = this.i32();
    if (length < 0)
      throw this.fail('E_PICKLE_LENGTH', `${this.opcode} has a negative length.`, { found: String(length) });
    return length;
  }

  /** Up to the next newline, without it. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0)
      throw this.fail('E_PICKLE_TRUNCATED', `The pickle ends inside ${this.opcode}.`, { expected: 'a line' });
    const text = this.decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  text(length: number): string {
    return this.decode(this.take(length));
  }

  private decode(bytes: Uint8Array): string {
    try {
      return strict.decode(bytes);
    } catch {
      // Python writes lone surrogates with "surrogatepass"; they are shown as replacement marks.
      if (hasSurrogateBytes(bytes)) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
      throw this.fail('E_PICKLE_UTF8', `${this.opcode} is not valid UTF-8.`);
    }
  }

  /** Little-endian two's complement of `length` bytes. */
  integer(length: number): PickleValue {
    const bytes = this.take(length);
    if (length === 0) return 0;
    if (length > maxIntegerBytes) return new PickleMark(`integer of ${length * 8} bits`);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    const signed = BigInt.asIntN(length * 8, value);
    return narrow(signed);
  }
}

/** A safe number where it is one, else a BigInt. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function hasSurrogateBytes(bytes: Uint8Array): boolean {
  for (let i = 0; i + 2 < bytes.length; i++) if (bytes[i] === 0xed && bytes[i + 1] >= 0xa0) return true;
  return false;
}
