import { type Field, int, type MessageShape, skip, text } from './fields';
import { maxListItems } from './limits';
import type { OnnxEntry, OnnxOpset } from './types';

/** A record while it is read. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };

/** `unread` are fields that onnx.proto has and that nothing here needs, by number. */
export const shape = <T>(
  fields: Readonly<Record<number, Field<T>>>,
  unread: Readonly<Record<number, string>> = {},
): MessageShape<T> =>
  new Map([
    ...Object.entries(fields).map(([number, field]): [number, Field<T>] => [Number(number), field]),
    ...Object.entries(unread).map(([number, name]): [number, Field<T>] => [Number(number), skip(name)]),
  ]);

type EntryDraft = Draft<OnnxEntry>;

export function append<T extends object>(list: T[], item: T): T {
  list.push(item);
  return item;
}

export function push<T>(list: T[], item: T): void {
  if (list.length < maxListItems) list.push(item);
}

export const entryShape = shape<EntryDraft>({
  1: text('key', (entry, value) => {
    entry.key = value;
  }),
  2: text('value', (entry, value) => {
    entry.value = value;
  }),
});

export const entry = (list: OnnxEntry[]) => append(list, { key: '', value: '' });

export const opsetShape = shape<Draft<OnnxOpset>>({
  1: text('domain', (opset, value) => {
    opset.domain = value;
  }),
  2: int('version', (opset, value) => {
    opset.version = value;
  }),
});
