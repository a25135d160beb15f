import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, unsupported } from '../../core/errors';
import { CutShort, maxFieldHead, signed, WireCursor } from './cursor';
import type { Field, MessageShape } from './fields';
import { maxDepth, maxInlineBytes, maxListItems, maxMessageBytes, maxTextBytes, maxWeight } from './limits';
import type { OnnxInt } from './types';

/** Protocol Buffers' wire types. */
const varint = 0;
const fixed64 = 1;
const delimited = 2;
const startGroup = 3;
const endGroup = 4;
const fixed32 = 5;

interface Frame {
  readonly shape: MessageShape<never>;
  readonly target: object;
  /** Where the message ends; beyond the file when the file was cut. */
  readonly end: number;
  /** The field that the message stands in. */
  readonly name: string;
}

/** What a scan has to say besides what it built. */
export interface Decoded {
  /** Fields that the schema does not have. */
  readonly unknownFields: number;
  /** Where the file was cut, and the last field that came through whole. */
  readonly cut?: { readonly offset: number; readonly lastField: string; readonly lastEnd: number };
}

/** Fields between two looks at the abort flag. */
const abortEvery = 4_096;

/**
 * Reads one message of `shape` from the whole file into `target`: one loop with its own stack, so
 * that nothing in the file decides how deep the program goes. Payloads are stepped over.
 */
export async function decode<T extends object>(
  source: ByteSource,
  shape: MessageShape<T>,
  target: T,
  abort: AbortCheck,
): Promise<Decoded> {
  const decoder = new Decoder(new WireCursor(source), abort);
  try {
    await decoder.run({ shape: shape as MessageShape<never>, target, end: source.size, name: 'model' });
  } catch (error) {
    if (!(error instanceof CutShort)) throw error;
    return { unknownFields: decoder.unknownFields, cut: { offset: error.offset, ...decoder.last } };
  }
  return { unknownFields: decoder.unknownFields };
}

class Decoder {
  unknownFields = 0;
  private lastFrame: Frame | undefined;
  private lastField: Field<never> | undefined;
  private lastEnd = 0;
  private weight = 0;
  private number = 0;
  private wire = 0;
  private readonly stack: Frame[] = [];

  constructor(
    private readonly cursor: WireCursor,
    private readonly abort: AbortCheck,
  ) {}

  /** The last field that came through whole. */
  get last(): { readonly lastField: string; readonly lastEnd: number } {
    const { lastFrame, lastField, lastEnd } = this;
    return { lastField: lastField === undefined ? 'nothing' : `${lastFrame?.name}.${lastField.name}`, lastEnd };
  }

  async run(root: Frame): Promise<void> {
    const { cursor, stack } = this;
    stack.push(root);
    for (let fields = 0; stack.length > 0; fields++) {
      if (fields % abortEvery === 0) this.abort.throwIfAborted();
      const frame = stack[stack.length - 1];
      if (cursor.position >= Math.min(frame.end, cursor.size)) {
        if (frame.end > cursor.size) throw new CutShort(cursor.size);
        stack.pop();
        continue;
      }
      if (!cursor.has(maxFieldHead)) await cursor.load(maxFieldHead);
      const begin = cursor.position;
      this.tag(frame);
      const { number, wire } = this;
      const field = frame.shape.get(number);
      const known = field !== undefined && fits(field, wire);
      if (!known || field.kind === 'skip') {
        if (!known) this.unknownFields++;
        await this.skip(number, wire, begin, frame);
        continue;
      }
      const pending = this.take(field, wire, begin, frame);
      if (pending !== undefined) await pending;
      if (field.kind === 'message') continue;
      this.lastFrame = frame;
      this.lastField = field;
      this.lastEnd = cursor.position;
    }
  }

  /** Field number and wire type of what comes next, into `number` and `wire`. */
  private tag(frame: Frame): void {
    const begin = this.cursor.position;
    const value = this.cursor.varint(frame.end);
    const number = typeof value === 'number' ? Math.floor(value / 8) : Number(value / 8n);
    if (number === 0 || number >= 2 ** 29 || this.cursor.position - begin > 5) {
      throw malformed('E_ONNX_TAG', `A field of ${frame.name} has a number that no field can have.`, {
        where: { offset: begin, field: frame.name },
        found: `field ${number}${this.cursor.position - begin > 5 ? ` in ${this.cursor.position - begin} bytes` : ''}`,
        expected: 'a number from 1 to 536,870,911 in at most 5 bytes',
      });
    }
    this.number = number;
    this.wire = Number(value) % 8;
  }

  /** One known field. Returns a promise only when bytes must be brought first. */
  private take(field: WantedField, wire: number, begin: number, frame: Frame): Promise<void> | undefined {
    const { cursor } = this;
    const target = frame.target as never;
    if (wire !== delimited) {
      const value = this.scalar(wire, frame);
      if (field.kind === 'int') field.set(target, signed(value));
      else if (field.kind === 'float') field.set(target, Number(value));
      else if (field.kind === 'data')
        field.add(target, { offset: begin, length: cursor.position - begin, packed: false });
      return undefined;
    }
    const length = this.length(begin, frame);
    if (field.kind === 'message') {
      this.open(field, length, frame);
      return undefined;
    }
    if (field.kind === 'data') {
      // Strings are repeated one by one; the other payloads come in one piece.
      const packed = field.field !== 'string';
      const offset = packed ? cursor.position : begin;
      if (length > maxInlineBytes || !packed || offset + length > cursor.size) {
        cursor.position = Math.min(cursor.position + length, cursor.size);
        field.add(target, { offset, length: packed ? length : cursor.position - begin, packed });
        if (offset + length > cursor.size) throw new CutShort(cursor.size);
        return undefined;
      }
    }
    const wanted = Math.min(length, field.kind === 'text' ? maxTextBytes : packedBytes);
    if (cursor.has(wanted)) {
      this.takeBytes(field, length, wanted, frame);
      return undefined;
    }
    return cursor.load(wanted).then(() => this.takeBytes(field, length, wanted, frame));
  }

  private takeBytes(field: WantedField, length: number, wanted: number, frame: Frame): void {
    const { cursor } = this;
    const target = frame.target as never;
    const end = cursor.position + length;
    if (field.kind === 'text') {
      this.weigh(1, frame);
      const text = decodeText(cursor.bytes(wanted));
      field.set(target, length > wanted ? `${text}… (${length} bytes)` : text);
    } else if (field.kind === 'data') {
      const offset = cursor.position;
      field.add(target, { offset, length, packed: true, inline: cursor.bytes(length).slice() });
    } else if (field.kind === 'float') {
      const view = viewOf(cursor.bytes(Math.min(wanted, maxListItems * 4)));
      for (let at = 0; at + 4 <= view.byteLength; at += 4) field.set(target, view.getFloat32(at, true));
      if (view.byteLength < length) field.elide?.(target);
    } else if (field.kind === 'int') {
      const until = cursor.position + wanted;
      for (let count = 0; cursor.position < until && count < maxListItems; count++)
        field.set(target, signed(cursor.varint(end)));
      if (cursor.position < end) field.elide?.(target);
    }
    if (end > cursor.size) throw new CutShort(cursor.size);
    cursor.position = end;
  }

  private open(field: Field<never> & { kind: 'message' }, length: number, frame: Frame): void {
    const { cursor, stack } = this;
    if (stack.length >= maxDepth) {
      throw malformed('E_ONNX_DEPTH', `Messages are nested more than ${maxDepth} deep.`, {
        where: { offset: cursor.position, field: this.path() },
        found: `another ${field.name} inside ${frame.name}`,
        expected: `at most ${maxDepth} levels, as in Protocol Buffers`,
      });
    }
    this.weigh(4, frame);
    const child = field.open(frame.target as never, { offset: cursor.position, length });
    if (child === undefined) {
      if (cursor.position + length > cursor.size) throw new CutShort(cursor.size);
      cursor.position += length;
      return;
    }
    stack.push({ shape: field.shape(), target: child, end: cursor.position + length, name: field.name });
  }

  /** Names of the nodes that the place is in, outermost first. */
  private path(): string {
    const names = this.stack.flatMap(({ name, target }) =>
      name === 'node' && 'name' in target && 'opType' in target ? [String(target.name || target.opType || '?')] : [],
    );
    const shown = names.length > 6 ? [...names.slice(0, 3), '…', ...names.slice(-2)] : names;
    return shown.map((name) => name.slice(0, 80)).join(' › ') || 'model';
  }

  private weigh(weight: number, frame: Frame): void {
    this.weight += weight;
    if (this.weight <= maxWeight) return;
    throw unsupported('E_ONNX_LIMIT', 'The graph has more parts than Quantscope reads.', {
      where: { offset: this.cursor.position, field: frame.name },
      found: `more than ${maxWeight / 4} messages`,
      expected: `at most ${maxWeight / 4}`,
    });
  }

  private length(begin: number, frame: Frame): number {
    const { cursor } = this;
    const value = cursor.varint(frame.end);
    const length = Number(value);
    const end = cursor.position + length;
    // A download that stopped leaves the outermost message too short; inside it lengths must agree.
    if (end <= frame.end || (this.stack.length === 1 && length <= maxMessageBytes)) return length;
    throw malformed('E_ONNX_LENGTH', `A field of ${frame.name} is longer than what is left of it.`, {
      where: { offset: begin, field: frame.name },
      found: `${value} bytes`,
      expected: `at most ${Math.max(0, frame.end - cursor.position)}`,
    });
  }

  private scalar(wire: number, frame: Frame): OnnxInt {
    if (wire === varint) return this.cursor.varint(frame.end);
    const width = wire === fixed64 ? 8 : 4;
    if (this.cursor.position + width > frame.end && frame.end < this.cursor.size) {
      throw malformed('E_ONNX_LENGTH', `A number runs past the end of ${frame.name}.`, {
        where: { offset: this.cursor.position, field: frame.name },
        found: `${frame.end - this.cursor.position} bytes`,
        expected: `${width}`,
      });
    }
    const view = viewOf(this.cursor.bytes(width));
    return width === 8 ? 0 : view.getFloat32(0, true);
  }

  /** Steps over a field that nobody asked for; groups are counted, not entered. */
  private async skip(number: number, wire: number, begin: number, frame: Frame): Promise<void> {
    const { cursor } = this;
    const groups: number[] = [];
    for (let field = number, type = wire, at = begin; ; ) {
      if (type === varint) cursor.varint(frame.end);
      else if (type === fixed64 || type === fixed32) this.scalar(type, frame);
      else if (type === delimited) {
        const length = this.length(at, frame);
        if (cursor.position + length > cursor.size) throw new CutShort(cursor.size);
        cursor.position += length;
      } else if (type === startGroup) {
        groups.push(field);
        if (groups.length > maxDepth) throw badGroup(at, frame, `groups nested more than ${maxDepth} deep`);
      } else if (type === endGroup) {
        if (groups.pop() !== field) throw badGroup(at, frame, `the end of a group ${field} that did not begin`);
      } else {
        throw malformed('E_ONNX_WIRE_TYPE', `A field of ${frame.name} has a type that does not exist.`, {
          where: { offset: at, field: frame.name },
          found: `wire type ${type}`,
          expected: 'a wire type from 0 to 5',
        });
      }
      if (groups.length === 0) return;
      if (cursor.position >= Math.min(frame.end, cursor.size)) {
        if (frame.end > cursor.size) throw new CutShort(cursor.size);
        throw badGroup(at, frame, 'a group without an end');
      }
      if (!cursor.has(maxFieldHead)) await cursor.load(maxFieldHead);
      at = cursor.position;
      this.tag(frame);
      field = this.number;
      type = this.wire;
    }
  }
}

/** Bytes of a packed list that are looked at: as many as its items may need. */
const packedBytes = maxListItems * 10;

/** A field whose value is taken. */
type WantedField = Exclude<Field<never>, { readonly kind: 'skip' }>;

function fits(field: Field<never>, wire: number): boolean {
  switch (field.kind) {
    case 'int':
      return wire === varint || wire === delimited;
    case 'float':
      return wire === fixed32 || wire === delimited;
    case 'data':
      return field.field === 'raw' || field.field === 'string'
        ? wire === delimited
        : wire === dataWire[field.field] || wire === delimited;
    case 'skip':
      return true;
    default:
      return wire === delimited;
  }
}

const dataWire = { float: fixed32, double: fixed64, int32: varint, int64: varint, uint64: varint } as const;

function badGroup(offset: number, frame: Frame, found: string) {
  return malformed('E_ONNX_GROUP', `A group in ${frame.name} does not close.`, {
    where: { offset, field: frame.name },
    found,
    expected: 'groups that end where they should; ONNX has none',
  });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const utf8 = new TextDecoder();

/** Short ASCII, which most names are, costs less by hand than by a decoder. */
function decodeText(bytes: Uint8Array): string {
  if (bytes.length > 256) return utf8.decode(bytes);
  let bits = 0;
  for (let i = 0; i < bytes.length; i++) bits |= bytes[i];
  return bits < 0x80 ? String.fromCharCode.apply(null, bytes as unknown as number[]) : utf8.decode(bytes);
}
