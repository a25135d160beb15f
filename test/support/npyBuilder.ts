import { concat, le, utf8 } from './zipBuilder';

/** An array's file with this header text; `version` 1 has a length of two bytes, the others of four. */
export function npyText(header: string | Uint8Array, data: Uint8Array | number = 0, version = 1, length?: number) {
  const text = typeof header === 'string' ? utf8(header) : header;
  const bytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const size = length ?? text.length;
  return concat(
    Uint8Array.of(0x93),
    utf8('NUMPY'),
    Uint8Array.of(version, 0),
    le(version === 1 ? 2 : 4, size),
    text,
    bytes,
  );
}

/** As numpy writes it. `descr` and `shape` are Python. */
export function npy(descr: string, shape: string, data: Uint8Array | number, fortran = false): Uint8Array {
  return npyText(`{'descr': ${descr}, 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }\n`, data);
}
