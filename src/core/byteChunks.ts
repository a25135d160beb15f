/** Bytes that are made when their turn comes: all at once, or piece by piece where they are many. */
export type ByteChunks = Promise<Uint8Array> | AsyncIterable<Uint8Array>;

/** The pieces of either kind, in order. */
export async function* chunksOf(bytes: ByteChunks): AsyncIterable<Uint8Array> {
  if (bytes instanceof Promise) yield await bytes;
  else yield* bytes;
}

/** All pieces as one array; only for what is known to be small. */
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
