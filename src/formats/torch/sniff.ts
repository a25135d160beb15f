import { latin1Text } from '../../core/latin1Text';
import { opcodeNames } from '../pickle/opcodes';

/** `PK\3\4`: any ZIP archive; whether PyTorch wrote it is for the reader to say. */
export function sniffTorchZip(prefix: Uint8Array): boolean {
  return prefix.length >= 4 && prefix[0] === 0x50 && prefix[1] === 0x4b && prefix[2] === 3 && prefix[3] === 4;
}

/** The pickle of the magic number that every stream before 1.6 starts with. */
export function sniffTorchLegacy(prefix: Uint8Array): boolean {
  return /^\x80[\x02-\x05](\x95.{8})?\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19/s.test(
    latin1Text(prefix.subarray(0, 32)),
  );
}

/** PROTO 2 to 5 and an opcode: pickles of older protocols have nothing to know them by. */
export function sniffBarePickle(prefix: Uint8Array): boolean {
  return prefix.length >= 3 && prefix[0] === 0x80 && prefix[1] >= 2 && prefix[1] <= 5 && opcodeNames.has(prefix[2]);
}

/** A tar archive whose first member is one of those that 0.1 wrote. */
export function sniffTorchTar(prefix: Uint8Array): boolean {
  const text = latin1Text(prefix.subarray(0, 512));
  return text.slice(257, 262) === 'ustar' && /^(sys_info|pickle|storages|tensors)\0/.test(text);
}
