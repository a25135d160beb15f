import { type ByteChunks, chunksOf } from '../../core/byteChunks';
import { byteLength, type DType } from '../../core/dtype';
import { unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import { type PlannedFile, planZip } from '../zip/write';

/** An array to write: row-major little-endian bytes on demand. */
export interface NpyArray {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): ByteChunks;
}

const descriptions: Partial<Record<DType, string>> = {
  float64: '<f8',
  float32: '<f4',
  float16: '<f2',
  complex64: '<c8',
  complex128: '<c16',
  int64: '<i8',
  int32: '<i4',
  int16: '<i2',
  int8: '|i1',
  uint64: '<u8',
  uint32: '<u4',
  uint16: '<u2',
  uint8: '|u1',
  bool: '|b1',
  qint8: '|i1',
  quint8: '|u1',
  qint32: '<i4',
};

/** The data starts at a multiple of this, as numpy.lib.format writes it. */
const alignment = 64;

/** One array: numpy's format version 1.0 (numpy/lib/format.py). A quantized tensor is its integers. */
export function planNpy(array: NpyArray): PlannedFile {
  const head = header(array);
  return {
    size: head.length + byteLength(array.dtype, numel(array.shape)),
    async *chunks() {
      yield head;
      yield* chunksOf(array.data());
    },
  };
}

/** Many arrays by name, as numpy.savez writes them. */
export function planNpz(arrays: readonly NpyArray[]): PlannedFile {
  return planZip(
    arrays.map((array) => {
      const { size, chunks } = planNpy(array);
      return { name: `${array.name}.npy`, length: size, data: chunks };
    }),
  );
}

function header({ dtype, shape, name }: NpyArray): Uint8Array {
  const description = descriptions[dtype];
  if (description === undefined) {
    throw unsupported('E_EXPORT_DTYPE', `NumPy has no ${dtype}.`, {
      where: { tensor: name },
      hint: 'Export to safetensors or PyTorch instead.',
    });
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${description}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + text.length + 1) / alignment) * alignment;
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (length - 10) & 0xff, (length - 10) >> 8]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[length - 1] = 0x0a;
  return bytes;
}
