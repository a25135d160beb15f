import type { ByteSource } from '../../core/byteSource';
import { malformed, type QuantscopeError } from '../../core/errors';

const windowBytes = 256 * 1024;

/**
 * A place in the file and a window of bytes behind it. `need` brings bytes; the readers then take
 * them without waiting, so that a hundred thousand strings cost a few reads and no promises.
 */
export class GgufCursor {
  position = 0;
  bigEndian = false;
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private start = 0;

  constructor(readonly source: ByteSource) {}

  get left(): number {
    return this.source.size - this.position;
  }

  /** Whether the next `count` bytes are in the window. */
  has(count: number): boolean {
    return this.position >= this.start && this.position + count <= this.start + this.bytes.length;
  }

  /** Brings the next `count` bytes; a file that ends before them is refused. */
  async need(count: number, field: string): Promise<void> {
    if (this.has(count)) return;
    if (count > this.left) throw this.ends(field, count);
    const length = Math.min(Math.max(count, windowBytes), this.left);
    this.bytes = await this.source.read(this.position, length);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.start = this.position;
  }

  ends(field: string, needed: number): QuantscopeError {
    return malformed('E_GGUF_TRUNCATED', `The file ends inside ${field}.`, {
      where: { offset: this.source.size, field },
      found: `${Math.max(0, this.left)} bytes from byte ${this.position} on`,
      expected: `${needed}`,
      hint: 'The download or copy stopped; fetch the file again.',
    });
  }

  take(count: number): Uint8Array {
    const from = this.position - this.start;
    this.position += count;
    return this.bytes.subarray(from, from + count);
  }

  /** Reads with `read` at the place and steps over `width` bytes, which are in the window. */
  number<T>(width: number, read: (view: DataView, at: number, littleEndian: boolean) => T): T {
    const at = this.position - this.start;
    this.position += width;
    return read(this.view, at, !this.bigEndian);
  }

  uint32(): number {
    return this.number(4, (view, at, little) => view.getUint32(at, little));
  }

  /** A number where it is exact, else a bigint. */
  uint64(): number | bigint {
    const at = this.position - this.start;
    this.position += 8;
    const low = this.view.getUint32(this.bigEndian ? at + 4 : at, !this.bigEndian);
    const high = this.view.getUint32(this.bigEndian ? at : at + 4, !this.bigEndian);
    return high < 2 ** 21 ? high * 2 ** 32 + low : (BigInt(high) << 32n) | BigInt(low);
  }
}
