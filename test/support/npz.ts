import { readFile } from 'node:fs/promises';
import { bytesSource } from '../../src/core/byteSource';
import { readEntry, readZip } from '../../src/formats/zip/read';
import { fixturePath } from './fixtures';

/** One array of a .npz: float32, int64 or bool, C order. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Uint8Array;
}

const maxArrayBytes = 16 * 1024 * 1024;

/** The arrays of a .npz by their names, `input.0` for `input.0.npy`. */
export async function readNpz(path: string): Promise<Map<string, NpyArray>> {
  const source = bytesSource(new Uint8Array(await readFile(path)), path);
  const arrays = new Map<string, NpyArray>();
  for (const entry of (await readZip(source)).entries) {
    arrays.set(entry.name.replace(/\.npy$/, ''), parseNpy(await readEntry(source, entry, maxArrayBytes)));
  }
  return arrays;
}

export function readNpzFixture(folder: string, name: string): Promise<Map<string, NpyArray>> {
  return readNpz(fixturePath(folder, `${name}.npz`));
}

/** Version 1 of the format: magic, u16 header length, a Python dict as text, the values. */
function parseNpy(bytes: Uint8Array): NpyArray {
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const header = new TextDecoder('latin1').decode(bytes.subarray(10, 10 + headerLength));
  const [, descr] = /'descr': '([^']+)'/.exec(header) ?? [];
  const [, sizes] = /'shape': \(([^)]*)\)/.exec(header) ?? [];
  if (descr === undefined || sizes === undefined || !header.includes("'fortran_order': False")) {
    throw new Error(`npy header not understood: ${header}`);
  }
  const shape = sizes
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map(Number);
  // The copy makes the values aligned.
  const { buffer } = new Uint8Array(bytes.subarray(10 + headerLength));
  if (descr === '<f4') return { shape, data: new Float32Array(buffer) };
  if (descr === '|b1' || descr === '|u1') return { shape, data: new Uint8Array(buffer) };
  if (descr === '<i8') return { shape, data: new BigInt64Array(buffer) };
  if (descr === '<i4') return { shape, data: BigInt64Array.from(new Int32Array(buffer), BigInt) };
  if (descr === '<f8') return { shape, data: Float32Array.from(new Float64Array(buffer)) };
  throw new Error(`npy dtype not understood: ${descr}`);
}
