import { readAhead } from '../core/byteChunks';
import type { ByteSource } from '../core/byteSource';

const pieceBytes = 2 * 1024 * 1024;

/** All bytes of a file in order, one piece being read while the one before is used; a piece is valid until the next is asked for. */
export function sourcePieces(source: ByteSource): AsyncIterable<Uint8Array> {
  return readAhead(pieces(source));
}

async function* pieces(source: ByteSource): AsyncIterable<Uint8Array> {
  const ring = [0, 1, 2].map(() => new Uint8Array(Math.min(pieceBytes, source.size)));
  for (let at = 0, turn = 0; at < source.size; at += pieceBytes, turn++)
    yield await source.read(at, Math.min(pieceBytes, source.size - at), ring[turn % ring.length]);
}
