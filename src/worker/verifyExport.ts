import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { QuantscopeError } from '../core/errors';
import type { Progress } from '../core/progress';
import { openFile } from '../formats/registry';
import { updateCrc32 } from '../formats/zip/crc';
import type { WrittenFile } from './exportFiles';
import type { OpenSource } from './openSource';
import { sourcePieces } from './sourcePieces';

/** Formats that our own reader opens again; an index names files that are checked by themselves. */
const reopened = /\.(pt|pth|ckpt|bin|safetensors|npz|npy|onnx|gguf)$/i;

/**
 * Reads an export back: every byte is what was sent to the disk, and our own reader finds its
 * tensors. Returns how many it found; throws what is wrong, and leaves the file for a look.
 */
export async function verifyExport(
  files: readonly WrittenFile[],
  openSource: OpenSource,
  abort: AbortCheck,
  progress: Progress,
): Promise<number> {
  let tensors = 0;
  for (const file of files) {
    const source = await openSource(file.path);
    try {
      await compareBytes(source, file, abort, progress);
      if (!reopened.test(file.name)) continue;
      const opened = await openFile(source, abort);
      const broken = opened.tensors.find(({ tensor }) => tensor.problem !== undefined);
      if (broken?.tensor.problem !== undefined) throw new QuantscopeError(broken.tensor.problem);
      tensors += opened.tensors.length;
    } finally {
      await source.close();
    }
  }
  return tensors;
}

async function compareBytes(
  source: ByteSource,
  { name, bytes, crc }: WrittenFile,
  abort: AbortCheck,
  progress: Progress,
) {
  let found = 0;
  let at = 0;
  for await (const piece of sourcePieces(source)) {
    abort.throwIfAborted();
    found = updateCrc32(found, piece);
    at += piece.length;
    progress(at, source.size, `${name}: reading back`, 'bytes');
  }
  if (source.size === bytes && found === crc) return;
  throw new QuantscopeError({
    code: 'E_EXPORT_VERIFY',
    kind: 'io',
    message: 'What the disk gives back is not what was written.',
    where: { file: name },
    found: `${source.size} bytes, CRC ${found.toString(16)}`,
    expected: `${bytes} bytes, CRC ${crc.toString(16)}`,
    hint: 'Do not use this file; write it again, on another disk if you can.',
  });
}
