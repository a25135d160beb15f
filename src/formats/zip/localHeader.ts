import type { ByteSource } from '../../core/byteSource';
import type { ZipEntry } from './types';

const descriptorFlag = 0x08;

/**
 * What an entry's own header says otherwise than the directory: readers that walk the file from
 * the front, as streaming ones do, see another entry.
 */
export async function localMismatch(source: ByteSource, entry: ZipEntry): Promise<string | undefined> {
  if (entry.headerOffset + 30 > source.size) return undefined;
  const header = await source.read(entry.headerOffset, 30);
  const view = new DataView(header.buffer, header.byteOffset, 30);
  const nameLength = view.getUint16(26, true);
  if (entry.headerOffset + 30 + nameLength > source.size) return undefined;
  const name = new TextDecoder().decode(await source.read(entry.headerOffset + 30, nameLength));
  if (name !== entry.name) return `the name ${JSON.stringify(name.slice(0, 80))}`;
  const flags = view.getUint16(6, true);
  const encrypted = (flags & 0x41) !== 0;
  if (encrypted !== entry.encrypted) return encrypted ? 'that it is encrypted' : 'that it is not encrypted';
  if ((flags & 0x20) !== 0) return 'that it is a patch';
  const method = view.getUint16(8, true);
  const expected = entry.method === 'stored' ? 0 : entry.method === 'deflated' ? 8 : entry.method;
  if (method !== expected) return `compression method ${method}`;
  if ((flags & descriptorFlag) !== 0) return undefined;
  const [crc, compressedSize, size] = [14, 18, 22].map((at) => view.getUint32(at, true));
  if (crc !== entry.crc32) return 'another checksum';
  // All ones: the sizes stand in the extra field.
  if (compressedSize === 0xffffffff || size === 0xffffffff) return undefined;
  return compressedSize === entry.compressedSize && size === entry.size ? undefined : `a size of ${size} bytes`;
}
