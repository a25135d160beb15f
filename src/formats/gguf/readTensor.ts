import type { AbortCheck } from '../../core/abort';
import { dtypes } from '../../core/dtype';
import { unsupported } from '../../core/errors';
import { numel } from '../../core/shape';
import { swapBytes } from '../elements';
import type { TensorRecord } from '../types';
import { maxTensorBytes } from './limits';
import { fitsMemory, type Payload } from './records';

/** Blocks between two looks at the abort flag: some milliseconds. */
const abortEvery = 16_384;

/** The values that a record shows, contiguous and little-endian. */
export async function readValues(
  payload: Payload,
  { shape, storageOffset }: TensorRecord,
  abort: AbortCheck,
): Promise<Uint8Array> {
  const count = numel(shape);
  const { bytes: width } = dtypes[payload.encoding.dtype];
  if (!fitsMemory(count, width)) {
    throw unsupported(
      'E_TENSOR_LIMIT',
      `The tensor has ${count * width} bytes when it is decoded; ${maxTensorBytes} fit into memory at once.`,
    );
  }
  return readRun(payload, storageOffset, count, abort);
}

/** A run of elements, of which only the blocks that hold it are read; into `into` where they need no decoding. */
export async function readRun(
  { part, encoding, offset }: Payload,
  start: number,
  count: number,
  abort: AbortCheck,
  into?: Uint8Array,
): Promise<Uint8Array> {
  if (count === 0) return new Uint8Array(0);
  const { blockSize, blockBytes, decode } = encoding;
  const first = Math.floor(start / blockSize);
  const blocks = Math.ceil((start + count) / blockSize) - first;
  const space = decode === undefined ? into : undefined;
  const stored = await part.source.read(offset + first * blockBytes, blocks * blockBytes, space);
  abort.throwIfAborted();
  if (decode === undefined) return part.header.bigEndian ? swapBytes(stored.slice(), encoding.dtype) : stored;
  const values = new Float32Array(blocks * blockSize);
  for (let block = 0; block < blocks; block++) {
    if (block % abortEvery === 0) abort.throwIfAborted();
    decode(stored, block * blockBytes, values, block * blockSize, !part.header.bigEndian);
  }
  return new Uint8Array(values.buffer, (start - first * blockSize) * 4, count * 4);
}
