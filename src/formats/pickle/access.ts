import { latin1Text } from '../../core/latin1Text';
import { PickleCall, PickleDict, PickleGlobal, PickleList, PickleTuple, type PickleValue } from './types';

/** Looking into values that a pickle left behind, without trusting that they are what they should be. */

/** Items of a tuple or list; none of anything else. */
export function itemsOf(value: PickleValue | undefined): readonly PickleValue[] {
  return value instanceof PickleTuple || value instanceof PickleList ? value.items : [];
}

/** Keys and values of a dict, an OrderedDict, or whatever else was given items. */
export function entriesOf(value: PickleValue | undefined): readonly (readonly [PickleValue, PickleValue])[] {
  return value instanceof PickleDict || value instanceof PickleCall ? value.entries : [];
}

export function dictEntry(value: PickleValue | undefined, key: string): PickleValue | undefined {
  return entriesOf(value).find(([name]) => name === key)?.[1];
}

export interface GlobalCall {
  readonly name: string;
  readonly args: readonly PickleValue[];
  readonly call: PickleCall;
}

/** `callee` and arguments of a call of a global, or undefined. */
export function globalCall(value: PickleValue | undefined): GlobalCall | undefined {
  if (!(value instanceof PickleCall && value.callee instanceof PickleGlobal)) return undefined;
  return { name: value.callee.fullName, args: itemsOf(value.args), call: value };
}

/** Bytes, also in the form in which protocol 2 writes them: `_codecs.encode(text, 'latin1')`. */
export function bytesOf(value: PickleValue | undefined): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const call = globalCall(value);
  if (call === undefined) return undefined;
  if (/^(builtins|__builtin__)\.(bytes|bytearray)$/.test(call.name)) {
    if (call.args.length === 0) return new Uint8Array(0);
    return typeof call.args[0] === 'string' ? latin1Bytes(call.args[0]) : bytesOf(call.args[0]);
  }
  const [text, codec] = call.args;
  if (call.name !== '_codecs.encode' || typeof text !== 'string' || !/^latin-?1$/.test(String(codec))) return undefined;
  return latin1Bytes(text);
}

/** One byte a character; undefined when a character is none. */
function latin1Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

/** Text, or the bytes that Python 2 wrote in its place. */
export function textOf(value: PickleValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? latin1Text(value) : undefined;
}
