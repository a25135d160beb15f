import type { ByteSource } from '../../core/byteSource';
import { dataOffset, readEntry, refuseUnreadable } from '../zip/read';
import type { ZipEntry } from '../zip/types';
import { maxTensorBytes } from './limits';

/** The bytes of one storage, wherever its container keeps them. */
export interface Storage {
  /** For messages. */
  readonly name: string;
  /** Bytes `[offset, offset + length)` of the storage. */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
}

/** A storage in an archive: read by range where it is stored, else inflated whole. */
export function zipStorage(source: ByteSource, entry: ZipEntry | undefined): Storage | undefined {
  if (entry === undefined) return undefined;
  return {
    name: entry.name,
    async read(offset, length, into) {
      refuseUnreadable(entry);
      if (entry.method === 'stored') return source.read((await dataOffset(source, entry)) + offset, length, into);
      return (await readEntry(source, entry, maxTensorBytes)).subarray(offset, offset + length);
    },
  };
}

/** A storage that is a range of the file. */
export function rangeStorage(
  source: ByteSource,
  name: string,
  { offset, size }: { readonly offset: number; readonly size: number },
): Storage {
  return {
    name,
    async read(from, length, into) {
      if (from + length > size)
        throw new RangeError(`read of ${length} bytes at ${from} leaves ${name} (${size} bytes)`);
      return source.read(offset + from, length, into);
    },
  };
}

/** A storage whose bytes stand inside a pickle. */
export function inlineStorage(name: string, bytes: Uint8Array): Storage {
  return { name, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}
