/** Bytes that are made when their turn comes: all at once, or piece by piece where they are many. */
export type ByteChunks = Promise<Uint8Array> | AsyncIterable<Uint8Array>;

/** The pieces of either kind, in order. */
export async function* chunksOf(bytes: ByteChunks): AsyncIterable<Uint8Array> {
  if (bytes instanceof Promise) yield await bytes;
  else yield* bytes;
}

/** The same pieces, the next one being made while one is used: disks read and write at the same time. */
export async function* readAhead(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (let piece = await next; !piece.done; piece = await next) {
      next = iterator.next();
      // Whoever stops here must not leave a rejection that nobody hears.
      next.catch(() => {});
      yield piece.value;
    }
  } finally {
    await next.catch(() => {});
    await iterator.return?.();
  }
}

/** All pieces as one array; only for what is known to be small, and for pieces that stay valid to the end. */
export async function joinChunks(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    length += chunk.length;
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
