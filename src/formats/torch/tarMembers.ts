import type { ByteSource } from '../../core/byteSource';
import { malformed } from '../../core/errors';
import { latin1Text } from '../../core/latin1Text';

/** A member of a tar archive, read in place: nothing is ever unpacked. */
export interface TarMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const block = 512;

/** Members of an archive that has four; more are not looked for. */
const maxMembers = 64;

/** The regular files of a tar archive by name; the first of several with one name. Source: POSIX.1-2001, pax. */
export async function tarMembers(source: ByteSource): Promise<Map<string, TarMember>> {
  const members = new Map<string, TarMember>();
  let at = 0;
  for (let i = 0; i < maxMembers && at + block <= source.size; i++) {
    const header = await source.read(at, block);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header, at);
    const size = octal(header, 124, 12, at);
    const offset = at + block;
    if (offset + size > source.size) {
      throw malformed('E_TAR_TRUNCATED', 'A member of the tar archive runs past the end of the file.', {
        where: { offset: at },
        found: `${size} bytes at ${offset}`,
        expected: `an end before byte ${source.size}`,
        hint: 'The download or copy did not finish; fetch the file again.',
      });
    }
    const name = textAt(header, 0, 100);
    const type = header[156];
    // Links, devices and extended headers have nothing that is read.
    const regular = type === 0 || type === 0x30;
    if (regular && !members.has(name)) members.set(name, { name, offset, size });
    at = offset + Math.ceil(size / block) * block;
  }
  return members;
}

function textAt(header: Uint8Array, from: number, length: number): string {
  return latin1Text(header.subarray(from, from + length)).replace(/\0.*$/s, '');
}

function octal(header: Uint8Array, from: number, length: number, at: number): number {
  const text = textAt(header, from, length).trim();
  if (/^[0-7]{1,15}$/.test(text)) return Number.parseInt(text, 8);
  throw malformed('E_TAR_HEADER', 'A header of the tar archive holds no number where one must be.', {
    where: { offset: at + from },
    found: JSON.stringify(text),
    expected: 'octal digits',
  });
}

/** The sum of all bytes with the sum itself taken as spaces. */
function checkSum(header: Uint8Array, at: number): void {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i];
  const expected = octal(header, 148, 8, at);
  if (sum === expected) return;
  throw malformed('E_TAR_CHECKSUM', 'The checksum of a header of the tar archive does not match it.', {
    where: { offset: at },
    found: String(sum),
    expected: String(expected),
    hint: 'The file was damaged; fetch it again from where it came from.',
  });
}
