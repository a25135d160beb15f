/** `PK\3\4`: any ZIP archive; whether PyTorch wrote it is for the reader to say. */
export function sniffTorchZip(prefix: Uint8Array): boolean {
  return prefix.length >= 4 && prefix[0] === 0x50 && prefix[1] === 0x4b && prefix[2] === 3 && prefix[3] === 4;
}
