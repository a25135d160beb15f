import { float16ToNumber } from '../../core/floatFormats';

/**
 * The block formats of ggml, one decoder each: the values of the block of `bytes` that starts at
 * `at`, into `out` from `to` on. Layouts and arithmetic are those of dequantize_row_* in
 * ggml-quants.c and of gguf-py's quants.py: float32 after every operation. Products of a half
 * precision scale with small integers are exact in float32, so that only sums round.
 * `littleEndian` is the byte order of the scales; codes are bytes in any order.
 */
export type BlockDecoder = (
  bytes: Uint8Array,
  at: number,
  out: Float32Array,
  to: number,
  littleEndian: boolean,
) => void;

const { fround } = Math;

function half(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  return float16ToNumber(littleEndian ? bytes[at] | (bytes[at + 1] << 8) : (bytes[at] << 8) | bytes[at + 1]);
}

function word(bytes: Uint8Array, at: number, littleEndian: boolean): number {
  const [a, b, c, d] = littleEndian ? [0, 1, 2, 3] : [3, 2, 1, 0];
  return bytes[at + a] | (bytes[at + b] << 8) | (bytes[at + c] << 16) | (bytes[at + d] << 24);
}

/** d, then 16 bytes: value i in the lower and value i + 16 in the upper half of byte i; minus 8. */
export const q4_0: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  for (let i = 0; i < 16; i++) {
    const code = bytes[at + 2 + i];
    out[to + i] = d * ((code & 15) - 8);
    out[to + i + 16] = d * ((code >> 4) - 8);
  }
};

/** d, m, then 16 bytes as in Q4_0: d · q + m. */
export const q4_1: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  const m = half(bytes, at + 2, littleEndian);
  for (let i = 0; i < 16; i++) {
    const code = bytes[at + 4 + i];
    out[to + i] = fround(d * (code & 15)) + m;
    out[to + i + 16] = fround(d * (code >> 4)) + m;
  }
};

/** d, 32 fifth bits, then 16 bytes; minus 16. */
export const q5_0: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  const high = word(bytes, at + 2, littleEndian);
  for (let i = 0; i < 16; i++) {
    const code = bytes[at + 6 + i];
    out[to + i] = d * (((code & 15) | (((high >>> i) & 1) << 4)) - 16);
    out[to + i + 16] = d * (((code >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
  }
};

/** d, m, 32 fifth bits, then 16 bytes: d · q + m. */
export const q5_1: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  const m = half(bytes, at + 2, littleEndian);
  const high = word(bytes, at + 4, littleEndian);
  for (let i = 0; i < 16; i++) {
    const code = bytes[at + 8 + i];
    out[to + i] = fround(d * ((code & 15) | (((high >>> i) & 1) << 4))) + m;
    out[to + i + 16] = fround(d * ((code >> 4) | (((high >>> (i + 16)) & 1) << 4))) + m;
  }
};

/** d, then 32 signed bytes. */
export const q8_0: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  for (let i = 0; i < 32; i++) out[to + i] = d * ((bytes[at + 2 + i] << 24) >> 24);
};

/**
 * 16 bytes of scale and minimum (four bits each, one for each 16 values), 64 bytes of two-bit
 * codes, d, dmin. Codes stand in planes of 32: bits 0 and 1 are values 0 to 31 of a half, and so on.
 */
export const q2_K: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at + 80, littleEndian);
  const dmin = half(bytes, at + 82, littleEndian);
  for (let i = 0; i < 256; i++) {
    const scale = bytes[at + (i >> 4)];
    const code = (bytes[at + 16 + (i >> 7) * 32 + (i & 31)] >> (((i >> 5) & 3) * 2)) & 3;
    out[to + i] = fround(fround(d * (scale & 15)) * code) - fround(dmin * (scale >> 4));
  }
};

/**
 * 32 bytes of third bits, 64 of two-bit codes in planes as in Q2_K, 12 of sixteen six-bit scales
 * minus 32, d. A third bit that is set subtracts nothing, one that is not subtracts 4.
 */
export const q3_K: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at + 108, littleEndian);
  for (let i = 0; i < 256; i++) {
    const group = i >> 4;
    const low = (bytes[at + 96 + (group & 7)] >> (group < 8 ? 0 : 4)) & 15;
    const high = (bytes[at + 104 + (group & 3)] >> ((group >> 2) * 2)) & 3;
    const scale = (low | (high << 4)) - 32;
    const code = (bytes[at + 32 + (i >> 7) * 32 + (i & 31)] >> (((i >> 5) & 3) * 2)) & 3;
    const third = (bytes[at + (i & 31)] >> (i >> 5)) & 1;
    out[to + i] = fround(d * scale) * (code - (third === 1 ? 0 : 4));
  }
};

/** Scale of group `j` of Q4_K and Q5_K: eight of six bits in twelve bytes, upper bits apart. */
function scaleK(bytes: Uint8Array, at: number, j: number): number {
  return j < 4 ? bytes[at + j] & 63 : (bytes[at + j + 4] & 15) | ((bytes[at + j - 4] >> 6) << 4);
}

/** Minimum of group `j`. */
function minimumK(bytes: Uint8Array, at: number, j: number): number {
  return j < 4 ? bytes[at + j + 4] & 63 : (bytes[at + j + 4] >> 4) | ((bytes[at + j] >> 6) << 4);
}

/** d, dmin, 12 bytes of scales and minima, 128 bytes: groups 2k and 2k + 1 share 32 bytes. */
export const q4_K: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  const dmin = half(bytes, at + 2, littleEndian);
  for (let j = 0; j < 8; j++) {
    const scale = fround(d * scaleK(bytes, at + 4, j));
    const minimum = fround(dmin * minimumK(bytes, at + 4, j));
    for (let i = 0; i < 32; i++) {
      const code = (bytes[at + 16 + (j >> 1) * 32 + i] >> ((j & 1) * 4)) & 15;
      out[to + j * 32 + i] = fround(scale * code) - minimum;
    }
  }
};

/** As Q4_K, with 32 bytes of fifth bits before the codes: bit j of byte i belongs to group j. */
export const q5_K: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at, littleEndian);
  const dmin = half(bytes, at + 2, littleEndian);
  for (let j = 0; j < 8; j++) {
    const scale = fround(d * scaleK(bytes, at + 4, j));
    const minimum = fround(dmin * minimumK(bytes, at + 4, j));
    for (let i = 0; i < 32; i++) {
      const low = (bytes[at + 48 + (j >> 1) * 32 + i] >> ((j & 1) * 4)) & 15;
      const code = low | (((bytes[at + 16 + i] >> j) & 1) << 4);
      out[to + j * 32 + i] = fround(scale * code) - minimum;
    }
  }
};

/** 128 bytes of lower and 64 of upper bits, sixteen signed scales, d; minus 32. */
export const q6_K: BlockDecoder = (bytes, at, out, to, littleEndian) => {
  const d = half(bytes, at + 208, littleEndian);
  for (let i = 0; i < 256; i++) {
    const part = (i >> 5) & 3;
    const low = (bytes[at + (i >> 7) * 64 + (i & 63)] >> ((part >> 1) * 4)) & 15;
    const high = (bytes[at + 128 + (i >> 7) * 32 + (i & 31)] >> (part * 2)) & 3;
    const scale = (bytes[at + 192 + (i >> 4)] << 24) >> 24;
    out[to + i] = fround(d * scale) * ((low | (high << 4)) - 32);
  }
};

/** Twice the values of e2m1. */
const float4 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** One e8m0 exponent, halved because the table is doubled, then 16 bytes as in Q4_0. */
export const mxfp4: BlockDecoder = (bytes, at, out, to) => {
  const d = 2 ** (bytes[at] - 128);
  for (let i = 0; i < 16; i++) {
    const code = bytes[at + 1 + i];
    out[to + i] = d * float4[code & 15];
    out[to + i + 16] = d * float4[code >> 4];
  }
};
