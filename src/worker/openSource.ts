import type { ByteSource } from '../core/byteSource';
import type { FileSource } from './fileSource';

/** Opens a file to be read by range; tests open other things. */
export type OpenSource = (path: string) => Promise<FileSource>;

/** What `use` makes of a file, which is closed afterwards in any case. */
export async function withSource<T>(
  openSource: OpenSource,
  path: string,
  use: (source: ByteSource) => Promise<T>,
): Promise<T> {
  const source = await openSource(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}
