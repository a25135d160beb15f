import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';
import { updateCrc32, updateSharedCrc32 } from '../formats/zip/crc';
import type { DiskFile } from './disk';
import { orAborted } from './orAborted';
import { type Found, type ReadBackThread, regionBytes } from './readBack';

/**
 * What one call writes and reads. It stays in the processor's cache, an abort is seen between two,
 * and it asks the system for small blocks of memory: those of a megabyte and more took up to ten
 * times longer to get (measured on Linux 6.18).
 */
const pieceBytes = 256 * 1024;

/** Writing is over in a tenth of a millisecond and does not wait; other requests get their turn after so many pieces. */
const piecesBetweenTurns = 16;

/**
 * Writes the chunks to a new file, flushes it, and reads it back: returns when the disk has given
 * back every byte, and throws `E_EXPORT_VERIFY` if another one came. Of a large file another
 * thread flushes and reads back what is written while the rest follows.
 */
export async function fillFile(
  file: DiskFile,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  abort: AbortCheck,
): Promise<void> {
  let thread: ReadBackThread | undefined;
  const sent = { bytes: 0, crc: 0 };
  try {
    let pieces = 0;
    for await (const chunk of chunks) {
      sent.crc = updateSharedCrc32(sent.crc, chunk);
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        abort.throwIfAborted();
        const piece = chunk.subarray(at, at + pieceBytes);
        await writeFully(file, piece, sent.bytes);
        sent.bytes += piece.length;
        if (sent.bytes >= regionBytes) thread ??= file.readBackThread?.();
        thread?.wrote(sent.bytes);
        if (++pieces % piecesBetweenTurns === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    abort.throwIfAborted();
    const elsewhere = thread && (await orAborted(thread.finish(sent.bytes), abort));
    const found = elsewhere ?? (await readBack(file, sent.bytes, abort));
    await compare(file, name, sent, found);
  } finally {
    // Nothing may use the file after it is closed.
    await thread?.stop();
  }
}

async function writeFully(file: DiskFile, piece: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < piece.length; ) done += await file.write(piece.subarray(done), position + done);
}

async function readBack(file: DiskFile, end: number, abort: AbortCheck): Promise<Found> {
  await file.sync();
  const piece = new Uint8Array(Math.min(pieceBytes, end));
  let [bytes, crc] = [0, 0];
  while (bytes < end) {
    abort.throwIfAborted();
    const read = await file.read(piece.subarray(0, end - bytes), bytes);
    if (read === 0) break;
    crc = updateCrc32(crc, piece.subarray(0, read));
    bytes += read;
  }
  return { bytes, crc };
}

async function compare(file: DiskFile, name: string, sent: Found, found: Found): Promise<void> {
  const beyond = await file.read(new Uint8Array(1), sent.bytes);
  if (beyond === 0 && found.bytes === sent.bytes && found.crc === sent.crc) return;
  throw new QuantscopeError({
    code: 'E_EXPORT_VERIFY',
    kind: 'io',
    message: 'What the disk gives back is not what was written.',
    where: { file: name },
    found: `${found.bytes + beyond} bytes, CRC ${found.crc.toString(16)}`,
    expected: `${sent.bytes} bytes, CRC ${sent.crc.toString(16)}`,
    hint: 'Nothing was replaced. Write it again, on another disk if you can.',
  });
}
