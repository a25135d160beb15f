import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, QuantscopeError, unsupported } from '../../core/errors';
import { quotedName } from '../../core/text';
import { JsonReader } from '../json/read';
import type { Warning } from '../types';
import { maxHeaderBytes, maxMetadataKeys, maxMetadataText } from './limits';
import type { Header, HeaderEntry } from './types';

/** Bytes of the header's length, which come first. */
const lengthBytes = 8;

/** The header of a safetensors file: u64 length, JSON object, then the data. */
export async function readHeader(source: ByteSource, abort: AbortCheck): Promise<Header> {
  const length = await headerLength(source);
  abort.throwIfAborted();
  const bytes = await source.read(lengthBytes, length);
  const reader = new JsonReader(bytes, lengthBytes, 'E_ST_JSON', abort);
  const parser = new HeaderParser(reader);
  parser.parse();
  return { dataStart: lengthBytes + length, ...parser };
}

/** What stands in a header before the place where it is cut off or wrong. */
export async function readDamagedHeader(source: ByteSource, abort: AbortCheck): Promise<Header> {
  const first = await source.read(0, lengthBytes);
  const told = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  const length = Math.min(told, source.size - lengthBytes, maxHeaderBytes);
  const parser = new HeaderParser(
    new JsonReader(await source.read(lengthBytes, length), lengthBytes, 'E_ST_JSON', abort),
  );
  try {
    parser.parse();
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
  }
  return { dataStart: lengthBytes + told, ...parser };
}

async function headerLength(source: ByteSource): Promise<number> {
  if (source.size < lengthBytes) {
    throw malformed('E_ST_TRUNCATED', `The file ends at byte ${source.size}, before the length of its header.`, {
      where: { offset: source.size },
      found: `${source.size} bytes`,
      expected: `${lengthBytes} bytes of header length, then the header`,
      hint: 'The download or copy did not finish; fetch the file again.',
    });
  }
  const first = await source.read(0, lengthBytes);
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  const where = { offset: 0, field: 'header length' };
  if (length < 2n) {
    throw malformed('E_ST_HEADER_SIZE', 'The file gives its header a length that holds no header.', {
      where,
      found: String(length),
      expected: 'at least 2',
    });
  }
  if (length > BigInt(source.size - lengthBytes)) {
    throw malformed('E_ST_HEADER_SIZE', 'The header would be longer than the file.', {
      where,
      found: `${length} bytes`,
      expected: `at most ${source.size - lengthBytes}`,
      hint: 'The download did not finish, or this is not a safetensors file.',
    });
  }
  if (length > BigInt(maxHeaderBytes)) {
    throw unsupported('E_ST_HEADER_SIZE', 'The header is larger than the reference reader allows.', {
      where,
      found: `${length} bytes`,
      expected: `at most ${maxHeaderBytes}`,
    });
  }
  return Number(length);
}

const metadataKey = '__metadata__';
const maxU64 = 2n ** 64n - 1n;

/** Walks the header once; what it finds is in its public fields. */
class HeaderParser implements Omit<Header, 'dataStart'> {
  readonly entries: HeaderEntry[] = [];
  readonly metadata = new Map<string, string>();
  readonly warnings: Warning[] = [];
  private readonly names = new Set<string>();
  private extraKeys = 0;

  constructor(private readonly reader: JsonReader) {}

  parse(): void {
    const { reader } = this;
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
      const { keyOffset: offset } = reader;
      if (this.names.has(name)) throw this.duplicate(offset, `the tensor ${quotedName(name)}`);
      this.names.add(name);
      if (name === metadataKey) this.readMetadata();
      else this.entries.push(this.readEntry(name, offset));
    }
    reader.end();
    if (this.extraKeys > 0) {
      this.warn('E_ST_EXTRA', `The header has ${this.extraKeys} fields that safetensors does not know.`);
    }
  }

  private readMetadata(): void {
    const { reader } = this;
    if (reader.peek() !== 'object') throw this.metadataError(reader.offset);
    reader.beginObject();
    let dropped = 0;
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      const { keyOffset: offset } = reader;
      if (reader.peek() !== 'string') throw this.metadataError(reader.offset, key);
      const text = reader.string();
      if (this.metadata.has(key)) {
        this.warn(
          'E_ST_DUPLICATE',
          `The metadata key ${quotedName(key)} at byte ${offset} is there twice; the last counts.`,
        );
      }
      if (this.metadata.size < maxMetadataKeys || this.metadata.has(key)) this.keepMetadata(key, text);
      else dropped++;
    }
    if (dropped > 0) this.warn('E_ST_METADATA', `${dropped} more metadata texts are not shown.`);
  }

  private keepMetadata(key: string, text: string): void {
    if (text.length <= maxMetadataText) this.metadata.set(key, text);
    else {
      this.metadata.set(key, `${text.slice(0, maxMetadataText)}…`);
      this.warn(
        'E_ST_METADATA',
        `The metadata text ${quotedName(key)} has ${text.length} characters; the first ${maxMetadataText} are shown.`,
      );
    }
  }

  private readEntry(name: string, offset: number): HeaderEntry {
    const { reader } = this;
    if (reader.peek() !== 'object')
      throw this.entryError(reader.offset, name, 'no object with dtype, shape and data_offsets');
    reader.beginObject();
    let dtype: string | undefined;
    let shape: { sizes: number[]; count: number } | undefined;
    let range: readonly [number, number] | undefined;
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      const { keyOffset: at } = reader;
      if (key === 'dtype' && dtype === undefined) dtype = reader.string();
      else if (key === 'shape' && shape === undefined) shape = this.readShape(name);
      else if (key === 'data_offsets' && range === undefined) range = this.readOffsets(name);
      else if (key === 'dtype' || key === 'shape' || key === 'data_offsets') {
        throw this.duplicate(at, `the field ${key} of ${quotedName(name)}`);
      } else {
        this.extraKeys++;
        reader.skip();
      }
    }
    if (dtype === undefined) throw this.entryError(offset, name, 'no dtype');
    if (shape === undefined) throw this.entryError(offset, name, 'no shape');
    if (range === undefined) throw this.entryError(offset, name, 'no data_offsets');
    return { name, dtype, shape: shape.sizes, count: shape.count, begin: range[0], end: range[1], offset };
  }

  /** Sizes are multiplied in their order, as the reference does: what overflows 64 bits is refused. */
  private readShape(name: string): { sizes: number[]; count: number } {
    const { reader } = this;
    const { offset } = reader;
    const sizes: number[] = [];
    let count = 1;
    let big: bigint | undefined;
    reader.beginArray();
    while (reader.nextItem()) {
      const size = reader.wholeNumber('a size');
      const exact = typeof size === 'number' && count * size <= Number.MAX_SAFE_INTEGER;
      if (big === undefined && exact) count *= size;
      else {
        big = (big ?? BigInt(count)) * BigInt(size);
        if (big > maxU64 || BigInt(size) > maxU64) {
          throw this.entryError(offset, name, 'a shape whose number of elements no computer can count');
        }
      }
      sizes.push(Number(size));
    }
    if (big !== undefined && big > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw this.entryError(offset, name, `a shape of ${big} elements`);
    }
    return { sizes, count: big === undefined ? count : Number(big) };
  }

  private readOffsets(name: string): readonly [number, number] {
    const { reader } = this;
    const { offset } = reader;
    const numbers: (number | bigint)[] = [];
    reader.beginArray();
    while (reader.nextItem()) {
      numbers.push(reader.wholeNumber('a data offset'));
      if (numbers.length > 2) break;
    }
    const [begin, end] = numbers;
    if (numbers.length !== 2) throw this.entryError(offset, name, 'data_offsets that are not two numbers');
    if (typeof begin !== 'number' || typeof end !== 'number' || begin > end) {
      throw reader.errorAt(offset, `The data offsets of ${quotedName(name)} cannot be true.`, {
        found: `[${begin}, ${end}]`,
        expected: 'a start, and an end that is not before it',
      });
    }
    return [begin, end];
  }

  private duplicate(offset: number, what: string) {
    return this.reader.errorAt(offset, `The header has ${what} twice.`, {
      hint: 'Readers disagree which one counts; save the file again with the safetensors library.',
    });
  }

  private entryError(offset: number, name: string, what: string) {
    return this.reader.errorAt(offset, `The header’s entry ${quotedName(name)} has ${what}.`);
  }

  private metadataError(offset: number, key?: string) {
    const what = key === undefined ? 'The metadata is' : `The metadata value ${quotedName(key)} is`;
    return this.reader.errorAt(offset, `${what} not text.`, { expected: 'an object of strings' });
  }

  private warn(code: string, message: string): void {
    this.warnings.push({ code, message });
  }
}
