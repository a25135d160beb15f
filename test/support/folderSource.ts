import { type ByteSource, bytesSource } from '../../src/core/byteSource';
import { checkSiblingName } from '../../src/core/siblingName';

/** A model file in a folder of memory. `opened` lists the names that were looked for in it. */
export function folderSource(
  bytes: Uint8Array,
  files: Readonly<Record<string, Uint8Array>>,
  name = 'model.onnx',
): ByteSource & { readonly opened: readonly string[] } {
  const opened: string[] = [];
  return {
    ...bytesSource(bytes, name),
    opened,
    async sibling(other) {
      checkSiblingName(other);
      opened.push(other);
      return Object.hasOwn(files, other) ? bytesSource(files[other], other) : undefined;
    },
  };
}
