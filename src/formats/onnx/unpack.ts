import { float4Values } from '../../core/smallFloats';
import type { DataType } from './dataTypes';

/** e2m3: exponent bias 1; e3m2: exponent bias 3; neither has infinities or NaN. */
function float6(code: number, exponentBits: number): number {
  const mantissaBits = 5 - exponentBits;
  const exponent = (code >> mantissaBits) & ((1 << exponentBits) - 1);
  const fraction = (code & ((1 << mantissaBits) - 1)) / (1 << mantissaBits);
  const bias = exponentBits === 2 ? 1 : 3;
  const magnitude = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return code & 0x20 ? -magnitude : magnitude;
}

const decoders: Readonly<Record<string, (code: number) => number>> = {
  uint4: (code) => code,
  int4: (code) => (code << 28) >> 28,
  uint2: (code) => code,
  int2: (code) => (code << 30) >> 30,
  float4e2m1: (code) => float4Values[code],
  float6e2m3: (code) => float6(code, 2),
  float6e3m2: (code) => float6(code, 3),
};

/**
 * `count` elements of fewer than eight bits, first element in the lowest bits, widened to the
 * type's dtype: little-endian bytes. -0 keeps its sign.
 */
export function unpackBits(packed: Uint8Array, type: DataType, count: number): Uint8Array {
  const { bits } = type;
  const values = Array.from({ length: 1 << bits }, (_, code) => decoders[type.name](code));
  const out = type.dtype === 'float32' ? new Float32Array(count) : new Int8Array(count);
  const mask = (1 << bits) - 1;
  for (let i = 0; i < count; i++) {
    const at = i * bits;
    const pair = packed[at >> 3] | ((packed[(at >> 3) + 1] ?? 0) << 8);
    out[i] = values[(pair >> (at & 7)) & mask];
  }
  return new Uint8Array(out.buffer);
}
