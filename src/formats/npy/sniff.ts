import { latin1Text } from '../../core/latin1Text';

/** `\x93NUMPY`. */
export const npyMagic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export function sniffNpy(prefix: Uint8Array): boolean {
  return npyMagic.every((byte, i) => prefix[i] === byte);
}

/**
 * A ZIP archive whose first entry lies in no folder or is an array: numpy's archives are flat, those of
 * PyTorch have one folder.
 */
export function sniffNpz(prefix: Uint8Array): boolean {
  const name = firstEntryName(prefix);
  return name !== undefined && (!name.includes('/') || name.endsWith('.npy'));
}

/** The name in the first local header, or undefined for anything but a ZIP archive. */
function firstEntryName(prefix: Uint8Array): string | undefined {
  if (prefix.length < 30 || latin1Text(prefix.subarray(0, 4)) !== 'PK\x03\x04') return undefined;
  const length = prefix[26] | (prefix[27] << 8);
  return new TextDecoder().decode(prefix.subarray(30, 30 + length));
}
