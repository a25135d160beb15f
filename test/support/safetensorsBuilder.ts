import { concat, le, utf8 } from './zipBuilder';

export interface EntryFields {
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly data_offsets?: unknown;
  readonly [extra: string]: unknown;
}

/** A file of this header text and data; `length` is what it says instead of the truth. */
export function safetensorsText(header: string | Uint8Array, data: Uint8Array | number = 0, length?: bigint) {
  const text = typeof header === 'string' ? utf8(header) : header;
  const bytes = typeof data === 'number' ? new Uint8Array(data) : data;
  return concat(le(8, length ?? text.length), text, bytes);
}

/** A file of these entries, by name. */
export function safetensors(entries: Readonly<Record<string, EntryFields>>, data: Uint8Array | number = 0) {
  return safetensorsText(JSON.stringify(entries), data);
}

/** A float32 vector of `count` elements at `begin`. */
export function f32(count: number, begin = 0): EntryFields {
  return { dtype: 'F32', shape: [count], data_offsets: [begin, begin + 4 * count] };
}
