import type { AbortCheck } from '../../core/abort';
import { neverAborted } from '../../core/abort';
import { byteLength } from '../../core/dtype';
import { malformed } from '../../core/errors';
import { quotedName } from '../../core/text';
import { dictEntry, itemsOf, textOf } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { readPickle } from '../pickle/read';
import type { PickleResult, PickleValue } from '../pickle/types';
import type { Warning } from '../types';
import { type StorageId, storageId } from './persistent';

/**
 * torch.save before 1.6: five pickles after each other (magic number, protocol, system, object,
 * storage keys), then for every key a count of eight bytes and the elements. Source:
 * torch/serialization.py, _legacy_save and _legacy_load.
 */
export interface LegacyHeader {
  readonly object: PickleResult;
  readonly keys: readonly string[];
  /** Where the storages start. */
  readonly end: number;
  readonly warnings: readonly Warning[];
}

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

/** Reads the five pickles at the start of `bytes`; E_PICKLE_TRUNCATED when there are not enough of them. */
export function readLegacyHeader(bytes: Uint8Array, abort: AbortCheck = neverAborted, base = 0): LegacyHeader {
  let at = 0;
  const next = (): PickleResult => {
    const result = readPickle(bytes.subarray(at), undefined, abort, { base: base + at, trailing: 'expected' });
    at += result.length;
    return result;
  };
  const magic = next().root;
  if (magic !== magicNumber) {
    throw malformed('E_PT_MAGIC', 'The file does not start with the magic number of torch.save.', {
      where: { offset: base, field: 'magic number' },
      found: typeof magic === 'bigint' ? `0x${magic.toString(16)}` : kindOf(magic),
      expected: `0x${magicNumber.toString(16)}`,
    });
  }
  const protocolAt = at;
  const protocol = next().root;
  if (protocol !== protocolVersion) {
    throw malformed('E_PT_PROTOCOL', 'The file has a protocol that PyTorch does not know.', {
      where: { offset: base + protocolAt, field: 'protocol version' },
      found: typeof protocol === 'number' ? String(protocol) : kindOf(protocol),
      expected: String(protocolVersion),
    });
  }
  const system = next().root;
  const object = next();
  const keys = itemsOf(next().root).map(keyText);
  return { object, keys, end: at, warnings: [...systemWarnings(system), ...object.warnings] };
}

/** PyTorch writes and reads these files in little-endian order on every machine, whatever the record says. */
function systemWarnings(system: PickleValue): Warning[] {
  if (dictEntry(system, 'little_endian') !== false) return [];
  return [
    {
      code: 'E_PT_BYTEORDER',
      message:
        'The file was saved on a big-endian machine; its numbers are little-endian all the same, as PyTorch reads them.',
    },
  ];
}

/** Python 2 and some versions in between wrote keys as numbers. */
export function keyText(key: PickleValue): string {
  return textOf(key) ?? (typeof key === 'number' || typeof key === 'bigint' ? String(key) : kindOf(key));
}

/** A storage's place in a stream: where its elements start, and how many bytes there are. */
export interface LegacyStorage {
  readonly key: string;
  readonly offset: number;
  readonly size: number;
}

/** The element types of the storages that the object names, by key. */
export function storageTypes(object: PickleResult): Map<string, StorageId> {
  const types = new Map<string, StorageId>();
  for (const persistent of object.persistents) {
    const id = storageId(persistent);
    if (!('code' in id) && !types.has(id.key)) types.set(id.key, id);
  }
  return types;
}

/**
 * The storage of `key` whose count stands at `at`, or what is wrong. `count` are the eight bytes,
 * `fileSize` is where the file ends.
 */
export function legacyStorage(
  key: string,
  count: Uint8Array,
  at: number,
  types: ReadonlyMap<string, StorageId>,
  fileSize: number,
): LegacyStorage | Warning {
  const id = types.get(key);
  if (id === undefined) {
    return {
      code: 'E_PT_LEGACY_KEY',
      message: `Storage ${quotedName(key)} is in the file, but nothing says of what type it is; the storages behind it cannot be found.`,
    };
  }
  const numel = new DataView(count.buffer, count.byteOffset, 8).getBigInt64(0, true);
  if (numel !== BigInt(id.numel)) {
    return {
      code: 'E_PT_LEGACY_COUNT',
      message: `Storage ${quotedName(key)} has ${numel} elements at byte ${at}, but the pickle says ${id.numel}; the storages behind it cannot be found.`,
    };
  }
  const size = byteLength(id.dtype, id.numel);
  if (at + 8 + size > fileSize) {
    return {
      code: 'E_PT_LEGACY_SHORT',
      message: `The file ends inside storage ${quotedName(key)}, which has ${size} bytes at byte ${at + 8}.`,
    };
  }
  return { key, offset: at + 8, size };
}
