import type { ByteSource } from '../../src/core/byteSource';

/** A file that is zeros but for a few pieces, of any size; `bytesRead` counts what was asked for. */
export function sparseSource(
  pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[],
  size: number,
  name = 'model.pt',
): ByteSource & { bytesRead: number } {
  return {
    name,
    size,
    bytesRead: 0,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > size) throw new RangeError(`read of ${length} at ${offset}`);
      this.bytesRead += length;
      const out = new Uint8Array(length);
      for (const { at, bytes } of pieces) {
        const from = Math.max(at, offset);
        const to = Math.min(at + bytes.length, offset + length);
        if (from < to) out.set(bytes.subarray(from - at, to - at), from - offset);
      }
      return out;
    },
  };
}
