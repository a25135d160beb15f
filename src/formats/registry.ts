import type { AbortCheck } from '../core/abort';
import type { ByteSource } from '../core/byteSource';
import { malformed } from '../core/errors';
import { openTorchZip } from './torch/read';
import { sniffTorchZip } from './torch/sniff';
import type { Format, ModelFile } from './types';
import { unknownContent } from './unknownContent';

/** The formats, in the order in which they are tried. Content decides, not the suffix. */
export const formats: readonly Format[] = [{ id: 'torch-zip', sniff: sniffTorchZip, open: openTorchZip }];

/** Bytes that are looked at to tell the format. */
const sniffBytes = 4_096;

/** Opens a file of any known format; throws an error that says what the file looks like instead. */
export async function openFile(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  if (source.size === 0) {
    throw malformed('E_EMPTY', 'The file is empty.', {
      where: { file: source.name, offset: 0 },
      found: '0 bytes',
      expected: 'a model file',
      hint: 'The download or copy did not start; fetch the file again.',
    });
  }
  const prefix = await source.read(0, Math.min(source.size, sniffBytes));
  const format = formats.find(({ sniff }) => sniff(prefix));
  if (format === undefined) throw unknownContent(prefix, source);
  return format.open(source, abort);
}
