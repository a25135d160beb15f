import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { checkSiblingName } from '../../src/core/siblingName';

/**
 * A file in a folder of files that are in memory. `asked` collects the siblings that were looked
 * for; names that no folder of a disk would be asked for are refused as there.
 */
export function memoryFolder(
  files: Readonly<Record<string, Uint8Array>>,
  name: string,
  asked: string[] = [],
): ByteSource {
  return {
    ...bytesSource(files[name], name),
    async sibling(other) {
      checkSiblingName(other);
      asked.push(other);
      return Object.hasOwn(files, other) ? memoryFolder(files, other, asked) : undefined;
    },
  };
}
