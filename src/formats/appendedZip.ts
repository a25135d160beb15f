import type { ByteSource } from '../core/byteSource';
import { latin1Text } from '../core/latin1Text';
import type { Warning } from './types';

/** Bytes of the file's end that are looked at: an end record with a comment of ordinary length. */
const tailBytes = 1_024;

/**
 * A warning when a file that is no archive ends like one. Tools that look for an archive from the
 * end, as Python's zipfile does, read another model out of it than those that start at the front.
 */
export async function appendedZipWarnings(source: ByteSource): Promise<Warning[]> {
  const length = Math.min(source.size, tailBytes);
  const start = source.size - length;
  const tail = await source.read(start, length);
  const at = latin1Text(tail).lastIndexOf('PK\x05\x06');
  if (at < 0 || at + 22 > length) return [];
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  // A zip64 record and its locator may stand between the directory and the end record.
  const zip64 = at >= 20 && view.getUint32(at - 20, true) === 0x07064b50 ? 20 + 56 : 0;
  const archive = start + at - zip64 - view.getUint32(at + 12, true) - view.getUint32(at + 16, true);
  if (archive <= 0) return [];
  return [
    {
      code: 'E_ZIP_APPENDED',
      message: `A ZIP archive starts at byte ${archive} of this file; tools disagree which model this is. What the file starts with is shown.`,
    },
  ];
}
