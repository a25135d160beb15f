import { createHash } from 'node:crypto';

/** The bit patterns of float32 values in hex, as in `3f31ad06`. */
export function floatBits(values: ArrayLike<number>): string[] {
  const floats = Float32Array.from(values);
  return [...new Uint32Array(floats.buffer)].map((bits) => bits.toString(16).padStart(8, '0'));
}

/** SHA-256 of the bytes of a typed array, in hex. */
export function sha256(values: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}
