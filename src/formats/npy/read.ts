import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import type { ModelFile } from '../types';
import { readArray } from './array';
import { headerEnd, parseHeader, preambleBytes } from './header';
import { assemble } from './model';

/** A single array: its header is read, its values stay where they are. */
export async function openNpy(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const preamble = await source.read(0, Math.min(preambleBytes, source.size));
  const header = parseHeader(await source.read(0, headerEnd(preamble, source.size)));
  const array = {
    name: source.name.replace(/\.npy$/i, '') || source.name,
    entry: '',
    header,
    size: source.size,
    read: (length: number) => source.read(header.dataStart, length),
  };
  return assemble({ format: 'npy', label: 'NumPy array', bytes: source.size }, [array], [], [], abort, readArray);
}
