import { crc32 } from 'node:zlib';

/** CRC-32 carried on over another piece. zlib starts anew for a piece without bytes, which must not count. */
export function updateCrc32(crc: number, chunk: Uint8Array): number {
  return chunk.length === 0 ? crc : crc32(chunk, crc);
}
