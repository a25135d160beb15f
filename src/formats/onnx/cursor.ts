import type { ByteSource } from '../../core/byteSource';
import { malformed, type QuantscopeError } from '../../core/errors';
import type { OnnxInt } from './types';

/** Thrown where the file ends inside a field: what came before it is sound. */
export class CutShort {
  constructor(readonly offset: number) {}
}

/** The longest tag and the longest varint behind it. */
export const maxFieldHead = 20;

const minWindow = 1024;
const maxWindow = 256 * 1024;

/**
 * A place in the file and a window of bytes around it. Reading is synchronous inside the window;
 * `load` moves it. Windows grow while the file is read on end and shrink after a skip, so that
 * stepping over large payloads costs a kilobyte each.
 */
export class WireCursor {
  position = 0;
  private window: Uint8Array = new Uint8Array(0);
  private start = 0;
  private windowBytes = minWindow;

  constructor(private readonly source: ByteSource) {}

  get size(): number {
    return this.source.size;
  }

  /** Whether the next `count` bytes, or all that the file still has, are in the window. */
  has(count: number): boolean {
    const windowEnd = this.start + this.window.length;
    return this.position + count <= windowEnd || (windowEnd === this.size && this.position >= this.start);
  }

  async load(count: number): Promise<void> {
    const sequential = this.position >= this.start && this.position <= this.start + this.window.length;
    this.windowBytes = sequential ? Math.min(maxWindow, this.windowBytes * 2) : minWindow;
    const length = Math.min(Math.max(count, this.windowBytes), this.size - this.position);
    this.window = await this.source.read(this.position, length);
    this.start = this.position;
  }

  /** The next `count` bytes, which `load` has brought; the file may end before them. */
  bytes(count: number): Uint8Array {
    const from = this.position - this.start;
    if (from + count > this.window.length) throw new CutShort(this.size);
    this.position += count;
    return this.window.subarray(from, from + count);
  }

  /**
   * An unsigned varint of up to 64 bits; a bigint beyond 2^53. `end` is where its message ends.
   * Padded forms are read as Protocol Buffers reads them; what needs an eleventh byte or a
   * sixty-fifth bit is refused.
   */
  varint(end: number): OnnxInt {
    const begin = this.position;
    let at = begin - this.start;
    let low = 0;
    let scale = 1;
    const available = Math.min(this.window.length, end - this.start);
    for (let i = 0; i < 7; i++) {
      if (at >= available) throw this.varintEnds(begin, end);
      const byte = this.window[at++];
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.position = this.start + at;
        return low;
      }
      scale *= 128;
    }
    let high = 0;
    for (let i = 0; i < 3; i++) {
      if (at >= available) throw this.varintEnds(begin, end);
      const byte = this.window[at++];
      high += (byte & 0x7f) * 128 ** i;
      if (byte < 0x80) {
        this.position = this.start + at;
        if (i === 2 && byte > 1) break;
        return high < 16 ? low + high * 2 ** 49 : BigInt(low) + (BigInt(high) << 49n);
      }
    }
    throw malformed('E_ONNX_VARINT', 'A number is longer than the 64 bits it may have.', {
      where: { offset: begin },
      expected: 'a varint of at most 10 bytes and 64 bits',
      found: [...this.window.subarray(begin - this.start, begin - this.start + 11)]
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join(' '),
    });
  }

  private varintEnds(begin: number, end: number): QuantscopeError | CutShort {
    if (end >= this.size) return new CutShort(this.size);
    return malformed('E_ONNX_LENGTH', 'A number runs past the end of its message.', {
      where: { offset: begin },
      expected: `its last byte before byte ${end}`,
      found: 'none',
    });
  }
}

/** A varint as the int64 that it encodes. */
export function signed(value: OnnxInt): OnnxInt {
  if (typeof value === 'number') return value;
  const wrapped = BigInt.asIntN(64, value);
  const asNumber = Number(wrapped);
  return Number.isSafeInteger(asNumber) ? asNumber : wrapped;
}
