import type { ByteSource } from '../../core/byteSource';
import type { ModelFile } from '../types';
import type { Locate } from '../zip/locate';
import { readTensorBytes, readTensorRange } from './readTensor';
import { zipStorage } from './storage';

/** Reads tensors out of the entries of an archive that their storages name. */
export function archiveTensors(
  source: ByteSource,
  locate: Locate,
  bigEndian: boolean,
): Pick<ModelFile, 'readTensor' | 'readRange'> {
  return {
    readTensor: (tensor, abort) =>
      readTensorBytes(zipStorage(source, locate(tensor.storage.entry)), tensor, bigEndian, abort),
    async readRange(tensor, start, count, abort, into) {
      const entry = locate(tensor.storage.entry);
      // A compressed storage would be inflated whole for each of its parts.
      if (entry?.method !== 'stored') return undefined;
      return readTensorRange(zipStorage(source, entry), tensor, start, count, bigEndian, abort, into);
    },
  };
}
