import { malformed } from '../../core/errors';

/**
 * Decodes varints one after the other and hands over each as two halves of 32 bits: enough for
 * every integer type, without a bigint for each element. Returns how many there were.
 * `tagged` says that each value follows a tag of its own, as unpacked fields write them.
 */
export function eachVarint(
  bytes: Uint8Array,
  tagged: boolean,
  offset: number,
  take: (low: number, high: number, index: number) => void,
): number {
  let at = 0;
  let low = 0;
  let high = 0;
  const next = () => {
    low = 0;
    high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) break;
      const byte = bytes[at++];
      const group = byte & 0x7f;
      if (shift < 28) low |= group << shift;
      else if (shift === 28) {
        low |= group << 28;
        high |= group >> 4;
      } else high |= group << (shift - 32);
      if (byte < 0x80) return;
    }
    throw malformed('E_ONNX_VARINT', 'The tensor’s data hold a number that does not end.', {
      where: { offset: offset + at },
      expected: 'a varint of at most 10 bytes',
      found: 'more, or the end of the data',
    });
  };
  let index = 0;
  while (at < bytes.length) {
    if (tagged) next();
    next();
    take(low, high, index++);
  }
  return index;
}
