/** `GGUF`, in both byte orders. */
export const ggufMagic = [0x47, 0x47, 0x55, 0x46] as const;

export function sniffGguf(prefix: Uint8Array): boolean {
  return ggufMagic.every((byte, i) => prefix[i] === byte);
}
