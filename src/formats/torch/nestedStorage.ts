import { QuantscopeError } from '../../core/errors';
import { PicklePersistent } from '../pickle/types';
import type { StorageRecord } from '../types';
import { legacyStorage, readLegacyHeader, storageTypes } from './legacyStream';
import { maxNesting } from './limits';
import { storageId } from './persistent';

/**
 * The storage in a stream of torch.save that stands inside a pickle: what plain pickle.dump makes
 * of a tensor. Undefined when the bytes are no such stream, or the nesting is too deep.
 */
export function nestedStorage(bytes: Uint8Array, depth: number): StorageRecord | undefined {
  if (depth >= maxNesting) return undefined;
  try {
    const { object, keys, end } = readLegacyHeader(bytes);
    if (!(object.root instanceof PicklePersistent)) return undefined;
    const id = storageId(object.root);
    if ('code' in id || id.view !== undefined) return undefined;
    const types = storageTypes(object);
    let at = end;
    for (const key of keys) {
      if (at + 8 > bytes.length) return undefined;
      const found = legacyStorage(key, bytes.subarray(at, at + 8), at, types, bytes.length);
      if ('code' in found) return undefined;
      if (key === id.key) {
        const inline = bytes.subarray(found.offset, found.offset + found.size);
        return { key: id.key, dtype: id.dtype, location: id.location, numel: id.numel, entry: '', inline };
      }
      at = found.offset + found.size;
    }
    return undefined;
  } catch (error) {
    if (error instanceof QuantscopeError && error.details.kind !== 'aborted') return undefined;
    throw error;
  }
}
