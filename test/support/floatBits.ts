import assert from 'node:assert/strict';
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

/** Fails at the first value whose bits differ. */
export function assertSameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const patterns = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
  const [a, b] = [patterns(actual), patterns(expected)];
  const at = a.findIndex((bits, i) => bits !== b[i]);
  if (at >= 0) assert.fail(`${what}: value ${at} is ${actual[at]}, expected ${expected[at]}`);
}

/** How many float32 lie between two of the same sign. */
export function ulps(a: number, b: number): number {
  const [x, y] = new Uint32Array(Float32Array.of(Math.abs(a), Math.abs(b)).buffer);
  return Math.abs(x - y);
}
