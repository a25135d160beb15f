import { maxHeaderBytes } from './limits';

const openBrace = 0x7b;
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d]);
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** Eight bytes of header length, which stay far below 4 GB, then a JSON object, perhaps behind white space. */
export function sniffSafetensors(prefix: Uint8Array): boolean {
  if (prefix.length < 9) return false;
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const [low, high] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (high !== 0 || low < 2 || low > maxHeaderBytes * 2) return false;
  let at = byteOrderMark.every((byte, i) => prefix[8 + i] === byte) ? 11 : 8;
  while (at < prefix.length && spaces.has(prefix[at])) at++;
  return at === prefix.length ? at > 8 : prefix[at] === openBrace;
}
