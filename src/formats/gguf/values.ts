import type { AbortCheck } from '../../core/abort';
import { malformed, unsupported } from '../../core/errors';
import { latin1Text } from '../../core/latin1Text';
import type { GgufCursor } from './cursor';
import { maxArrayDepth, maxArrayElements, maxShownElements, maxStringBytes, maxTextBytes } from './limits';
import { type KeyValue, type ValueType, valueTypes } from './types';

type Scalar = Exclude<ValueType, 'string' | 'array'>;

const widths: Readonly<Record<Scalar, number>> = {
  uint8: 1,
  int8: 1,
  bool: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  uint64: 8,
  int64: 8,
  float64: 8,
};

const readers: Readonly<Record<Scalar, (view: DataView, at: number, little: boolean) => number | bigint | boolean>> = {
  uint8: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  bool: (view, at) => view.getUint8(at) !== 0,
  uint16: (view, at, little) => view.getUint16(at, little),
  int16: (view, at, little) => view.getInt16(at, little),
  uint32: (view, at, little) => view.getUint32(at, little),
  int32: (view, at, little) => view.getInt32(at, little),
  float32: (view, at, little) => view.getFloat32(at, little),
  uint64: (view, at, little) => view.getBigUint64(at, little),
  int64: (view, at, little) => view.getBigInt64(at, little),
  float64: (view, at, little) => view.getFloat64(at, little),
};

/** The least bytes of an element: what bounds a count by the file. */
function leastBytes(type: ValueType): number {
  return type === 'string' ? 8 : type === 'array' ? 12 : widths[type];
}

/** The value behind a key: scalars and short texts as they are, long ones by their length. */
export async function readValue(
  cursor: GgufCursor,
  key: string,
  abort: AbortCheck,
): Promise<Pick<KeyValue, 'type' | 'text' | 'value'>> {
  const type = await readType(cursor, key);
  if (type === 'array') return { type, text: await readArray(cursor, key, abort), value: undefined };
  if (type === 'string') {
    const text = await readString(cursor, key, maxTextBytes);
    return { type, text, value: text };
  }
  await cursor.need(widths[type], key);
  const value = cursor.number(widths[type], readers[type]);
  return { type, text: String(value), value };
}

async function readType(cursor: GgufCursor, field: string): Promise<ValueType> {
  const at = cursor.position;
  await cursor.need(4, field);
  const id = cursor.uint32();
  if (id < valueTypes.length) return valueTypes[id];
  throw malformed('E_GGUF_TYPE', 'A value of the metadata has a type that does not exist.', {
    where: { offset: at, field },
    found: `type ${id}`,
    expected: `0 to ${valueTypes.length - 1}`,
  });
}

/** A length of bytes that the file can hold, and steps over it. */
async function readLength(cursor: GgufCursor, field: string): Promise<number> {
  const at = cursor.position;
  await cursor.need(8, field);
  const length = cursor.uint64();
  if (length > maxStringBytes || length > cursor.left) {
    throw malformed('E_GGUF_STRING', 'A text is longer than it can be.', {
      where: { offset: at, field },
      found: `${length} bytes`,
      expected: `at most ${Math.min(maxStringBytes, cursor.left)}`,
    });
  }
  return Number(length);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A text of the file; of a long one the beginning and its length. */
export async function readString(cursor: GgufCursor, field: string, shownBytes: number): Promise<string> {
  const length = await readLength(cursor, field);
  const shown = Math.min(length, shownBytes);
  await cursor.need(shown, field);
  const text = decodeText(cursor.take(shown), shown < length);
  cursor.position += length - shown;
  return shown < length ? `${text}… (${length} bytes)` : text;
}

/** UTF-8; bytes that are none, one character a byte, so that different names stay different. `cut` may be inside a character. */
function decodeText(bytes: Uint8Array, cut: boolean): string {
  try {
    // A decoder of its own: one that streams keeps what is left of the character.
    return (cut ? new TextDecoder('utf-8', { fatal: true }) : utf8).decode(bytes, { stream: cut });
  } catch {
    return latin1Text(bytes);
  }
}

/** An array: its elements when they are few, else its type and length; steps over it in any case. */
async function readArray(cursor: GgufCursor, key: string, abort: AbortCheck): Promise<string> {
  const outer = await readArrayHead(cursor, key);
  if (outer.type !== 'array' && outer.count <= maxShownElements) return readShort(cursor, key, outer);
  // Arrays in arrays are walked with a stack: each level is what is left of one array.
  const stack = [{ ...outer }];
  for (let steps = 0; stack.length > 0; steps++) {
    if (steps % 65_536 === 0) abort.throwIfAborted();
    const top = stack[stack.length - 1];
    if (top.type === 'string') await skipStrings(cursor, key, top.count, abort);
    else if (top.type !== 'array') cursor.position += top.count * widths[top.type];
    if (top.type !== 'array' || top.count === 0) {
      stack.pop();
      continue;
    }
    top.count--;
    if (stack.length >= maxArrayDepth) {
      throw unsupported('E_GGUF_DEPTH', `The metadata nest arrays more than ${maxArrayDepth} deep.`, {
        where: { offset: cursor.position, field: key },
        found: `level ${stack.length + 1}`,
        expected: `at most ${maxArrayDepth}`,
      });
    }
    stack.push(await readArrayHead(cursor, key));
  }
  return `[${outer.count} × ${outer.type}]`;
}

interface ArrayHead {
  readonly type: ValueType;
  count: number;
}

async function readArrayHead(cursor: GgufCursor, field: string): Promise<ArrayHead> {
  const type = await readType(cursor, field);
  const at = cursor.position;
  await cursor.need(8, field);
  const count = cursor.uint64();
  const most = Math.floor(cursor.left / leastBytes(type));
  if (count > maxArrayElements || count > most) {
    throw malformed('E_GGUF_ARRAY', 'An array is longer than the file can hold.', {
      where: { offset: at, field },
      found: `${count} elements of ${type}`,
      expected: `at most ${Math.min(maxArrayElements, most)}`,
    });
  }
  return { type, count: Number(count) };
}

async function readShort(cursor: GgufCursor, key: string, { type, count }: ArrayHead): Promise<string> {
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    if (type === 'string') {
      texts.push(JSON.stringify(await readString(cursor, key, 1_024)));
      continue;
    }
    const scalar = type as Scalar;
    await cursor.need(widths[scalar], key);
    texts.push(String(cursor.number(widths[scalar], readers[scalar])));
  }
  return `[${texts.join(', ')}]`;
}

async function skipStrings(cursor: GgufCursor, key: string, count: number, abort: AbortCheck): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (i % 1_048_576 === 0) abort.throwIfAborted();
    // Bytes are brought only at the end of a window; everything else happens without waiting.
    if (!cursor.has(8)) await cursor.need(8, key);
    const length = cursor.uint64();
    if (length > cursor.left) {
      cursor.position -= 8;
      await readLength(cursor, key);
    }
    cursor.position += Number(length);
  }
}
