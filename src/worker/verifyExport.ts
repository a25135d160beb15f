import type { AbortCheck } from '../core/abort';
import { QuantscopeError } from '../core/errors';
import { openFile } from '../formats/registry';
import type { WrittenFile } from './exportFiles';
import type { OpenSource } from './openSource';

/** Formats that our own reader opens again; an index names files that are checked by themselves. */
const reopened = /\.(pt|pth|ckpt|bin|safetensors|npz|npy|onnx|gguf)$/i;

/**
 * Opens an export, whose bytes were read back when they were written, with our own reader. Returns
 * how many tensors it found; throws what is wrong, and leaves the file for a look.
 */
export async function verifyExport(
  files: readonly WrittenFile[],
  openSource: OpenSource,
  abort: AbortCheck,
): Promise<number> {
  let tensors = 0;
  for (const file of files) {
    if (!reopened.test(file.name)) continue;
    const source = await openSource(file.path);
    try {
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
