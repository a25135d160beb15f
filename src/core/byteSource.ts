/**
 * A file, read by range. Nothing in Quantscope reads a model file in any other way, so that
 * opening costs the header and not the file.
 */
export interface ByteSource {
  /** What to call the file in messages: its base name. */
  readonly name: string;
  /** Length in bytes at the time of opening. */
  readonly size: number;
  /**
   * Bytes `[offset, offset + length)`. Throws `E_READ_RANGE` when the range leaves the file:
   * callers check numbers from the file before they get here. A source may put the bytes into
   * `into`, where it is given and long enough, and return that part of it.
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** True when the file has another name elsewhere (a hard link), which nothing can tell apart from this one. */
  readonly hardLinked?: boolean;
  /**
   * Another file of the same folder: a shard, external data, a config. `name` is what the model
   * file calls it and is not trusted: a name that leaves the folder throws `E_SIBLING_PATH` before
   * anything is touched, a link that leaves it throws the same. Undefined when there is no such
   * file, or when the source has no folder. A sibling needs no closing.
   */
  sibling?(name: string): Promise<ByteSource | undefined>;
}

/** A ByteSource over bytes that are already in memory. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length) {
        throw new RangeError(`read of ${length} bytes at ${offset} leaves ${name} (${bytes.length} bytes)`);
      }
      return bytes.subarray(offset, offset + length);
    },
  };
}
