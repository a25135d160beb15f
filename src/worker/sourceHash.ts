import { createHash } from 'node:crypto';
import type { AbortCheck } from '../core/abort';
import { readAhead } from '../core/byteChunks';
import type { ByteSource } from '../core/byteSource';
import type { Progress } from '../core/progress';

const pieceBytes = 8 * 1024 * 1024;

/** SHA-256 of a whole file in hexadecimal digits: which file an export was made from. */
export async function sourceHash(source: ByteSource, abort: AbortCheck, progress: Progress): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const piece of readAhead(pieces(source))) {
    abort.throwIfAborted();
    hash.update(piece);
    done += piece.length;
    progress(done, source.size, 'hash of the source');
  }
  return hash.digest('hex');
}

async function* pieces(source: ByteSource): AsyncIterable<Uint8Array> {
  for (let at = 0; at < source.size; at += pieceBytes)
    yield await source.read(at, Math.min(pieceBytes, source.size - at));
}
