import { createHash } from 'node:crypto';
import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import type { Progress } from '../core/progress';
import { sourcePieces } from './sourcePieces';

/** SHA-256 of a whole file in hexadecimal digits: which file an export was made from. */
export async function sourceHash(source: ByteSource, abort: AbortCheck, progress: Progress): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const piece of sourcePieces(source)) {
    abort.throwIfAborted();
    hash.update(piece);
    done += piece.length;
    progress(done, source.size, 'hash of the source');
  }
  return hash.digest('hex');
}
