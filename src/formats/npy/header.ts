import { malformed, unsupported } from '../../core/errors';
import { latin1Text } from '../../core/latin1Text';
import { elementType } from './elementType';
import { maxHeaderBytes, maxRank } from './limits';
import { parseLiteral } from './literal';
import { sniffNpy } from './sniff';
import type { Literal, NpyHeader } from './types';

/** Bytes that tell how long the header is, for every version. */
export const preambleBytes = 12;

/**
 * Length of everything before the data. `preamble` holds the array's first 12 bytes, or fewer when
 * it ends before; `size` is the length of the array's file.
 */
export function headerEnd(preamble: Uint8Array, size: number): number {
  if (!sniffNpy(preamble)) {
    throw malformed('E_NPY_MAGIC', 'This is not a numpy array.', {
      where: { offset: 0 },
      found: [...preamble.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      expected: '93 4e 55 4d 50 59',
    });
  }
  const [major, minor] = [preamble[6], preamble[7]];
  if (preamble.length >= 8 && (major < 1 || major > 3 || minor !== 0)) {
    throw unsupported('E_NPY_VERSION', 'The array has a version of the format that numpy does not write.', {
      where: { offset: 6, field: 'version' },
      found: `${major}.${minor}`,
      expected: '1.0, 2.0 or 3.0',
    });
  }
  const start = major === 1 ? 10 : preambleBytes;
  if (preamble.length < start) {
    throw malformed('E_NPY_TRUNCATED', `The array ends at byte ${size}, before its header.`, {
      where: { offset: size },
      found: `${size} bytes`,
      expected: `at least ${start}`,
      hint: 'The download or copy did not finish; fetch the file again.',
    });
  }
  const view = new DataView(preamble.buffer, preamble.byteOffset, preamble.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > size) {
    throw malformed('E_NPY_TRUNCATED', 'The header of the array would be longer than its file.', {
      where: { offset: 8, field: 'header length' },
      found: `${length} bytes`,
      expected: `at most ${size - start}`,
      hint: 'The download or copy did not finish; fetch the file again.',
    });
  }
  if (length > maxHeaderBytes) {
    throw unsupported('E_NPY_LIMIT', 'The header of the array is longer than any that describes one.', {
      where: { offset: 8, field: 'header length' },
      found: `${length} bytes`,
      expected: `at most ${maxHeaderBytes}`,
    });
  }
  return start + length;
}

const keys = ['descr', 'fortran_order', 'shape'];

/** The header out of everything before the data. Source: numpy.lib.format, versions 1.0 to 3.0. */
export function parseHeader(bytes: Uint8Array): NpyHeader {
  const start = bytes[6] === 1 ? 10 : preambleBytes;
  const value = parseLiteral(headerText(bytes, start), start);
  const dict = value instanceof Map ? (value as ReadonlyMap<string, Literal>) : new Map<string, Literal>();
  if (dict.size !== keys.length || !keys.every((key) => dict.has(key))) {
    throw malformed('E_NPY_HEADER', 'The header of the array does not have the three keys that it needs.', {
      where: { offset: start },
      found:
        [...dict.keys()]
          .slice(0, 5)
          .map((key) => JSON.stringify(key.slice(0, 40)))
          .join(', ') || 'none',
      expected: keys.join(', '),
    });
  }
  const descr = dict.get('descr') as Literal;
  const element = elementType(descr);
  if (element === undefined) throw wrongField(start, 'descr', typeof descr === 'string' ? descr : 'another value');
  const fortranOrder = dict.get('fortran_order');
  if (typeof fortranOrder !== 'boolean') throw wrongField(start, 'fortran_order', 'no True or False');
  return {
    descr: typeof descr === 'string' ? descr : 'structured',
    element,
    fortranOrder,
    shape: shapeOf(dict.get('shape') as Literal, start),
    dataStart: bytes.length,
  };
}

/** Latin-1 in the first two versions, UTF-8 in the third. */
function headerText(bytes: Uint8Array, start: number): string {
  const text = bytes.subarray(start);
  if (bytes[6] !== 3) return latin1Text(text);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    throw malformed('E_NPY_HEADER', 'The header of the array is not UTF-8.', { where: { offset: start } });
  }
}

function shapeOf(value: Literal, offset: number): number[] {
  const sizes = typeof value === 'object' && 'kind' in value && value.kind === 'tuple' ? value.items : undefined;
  if (sizes === undefined) throw wrongField(offset, 'shape', 'no tuple of sizes');
  if (sizes.length > maxRank) throw wrongField(offset, 'shape', `${sizes.length} sizes, more than ${maxRank}`);
  let count = 1n;
  const shape = sizes.map((size) => {
    if (typeof size !== 'bigint') throw wrongField(offset, 'shape', 'a size that is no whole number');
    count *= size === 0n ? 1n : size;
    return Number(size);
  });
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw wrongField(offset, 'shape', `${count} elements`);
  return shape;
}

function wrongField(offset: number, field: string, found: string) {
  return malformed('E_NPY_HEADER', `The header of the array has a ${field} that numpy does not write.`, {
    where: { offset, field },
    found: found.slice(0, 80),
  });
}
