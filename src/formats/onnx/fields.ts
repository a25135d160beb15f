import type { DataField, OnnxInt, Region } from './types';

/** What a field of a message holds and where it goes. Setters take the message that is being built. */
export type Field<T> = { readonly name: string } & (
  | { readonly kind: 'int'; set(target: T, value: OnnxInt): void; elide?(target: T): void }
  | { readonly kind: 'float'; set(target: T, value: number): void; elide?(target: T): void }
  | { readonly kind: 'text'; set(target: T, value: string): void }
  | { readonly kind: 'data'; readonly field: DataField; add(target: T, run: FoundRun): void }
  | { readonly kind: 'skip' }
  | {
      readonly kind: 'message';
      readonly shape: () => MessageShape<never>;
      open(target: T, region: Region): object | undefined;
    }
);

/** A payload that was found and left where it is. */
export interface FoundRun extends Region {
  readonly packed: boolean;
  readonly inline?: Uint8Array;
}

export type MessageShape<T> = ReadonlyMap<number, Field<T>>;

export function int<T>(name: string, set: (target: T, value: OnnxInt) => void, elide?: (target: T) => void): Field<T> {
  return { name, kind: 'int', set, elide };
}

export function float<T>(name: string, set: (target: T, value: number) => void, elide?: (target: T) => void): Field<T> {
  return { name, kind: 'float', set, elide };
}

/** A field that onnx.proto has and that nothing here needs. */
export function skip<T>(name: string): Field<T> {
  return { name, kind: 'skip' };
}

export function text<T>(name: string, set: (target: T, value: string) => void): Field<T> {
  return { name, kind: 'text', set };
}

export function data<T>(name: string, field: DataField, add: (target: T, run: FoundRun) => void): Field<T> {
  return { name, kind: 'data', field, add };
}

/** `open` makes the child, puts it into its parent and returns it; undefined skips the message. */
export function message<T, C extends object>(
  name: string,
  shape: () => MessageShape<C>,
  open: (target: T, region: Region) => C | undefined,
): Field<T> {
  return { name, kind: 'message', shape: shape as unknown as () => MessageShape<never>, open };
}
