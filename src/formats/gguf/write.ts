import { numberToFloat16 } from '../../core/floatFormats';
import { numel } from '../../core/shape';
import type { PlannedFile } from '../zip/write';

/** How a tensor is stored. Numbers are ggml_type's. */
const encodings = {
  F32: { type: 0, block: 1, bytes: 4 },
  F16: { type: 1, block: 1, bytes: 2 },
  Q8_0: { type: 8, block: 32, bytes: 34 },
} as const;

export type GgufEncoding = keyof typeof encodings;

export interface GgufEntry {
  readonly name: string;
  /** PyTorch's order: the last dimension is the innermost. */
  readonly shape: readonly number[];
  readonly encoding: GgufEncoding;
  values(): Promise<Float32Array>;
}

const version = 3;
const alignment = 32;
const stringType = 8;
const uint32Type = 4;

/** A GGUF file of version 3. Source: ggml's docs/gguf.md. */
export function planGguf(
  metadata: Readonly<Record<string, string | number>>,
  entries: readonly GgufEntry[],
): PlannedFile {
  let at = 0;
  const offsets = entries.map((entry) => {
    const offset = at;
    at = aligned(at + encodedLength(entry));
    return offset;
  });
  const header = headerBytes(metadata, entries, offsets);
  const dataStart = aligned(header.length);
  return {
    size: dataStart + at,
    async *chunks() {
      yield header;
      yield new Uint8Array(dataStart - header.length);
      for (const entry of entries) {
        const bytes = encode(await entry.values(), entry.encoding);
        yield bytes;
        yield new Uint8Array(aligned(bytes.length) - bytes.length);
      }
    },
  };
}

/** Whether a tensor's rows are whole blocks of this encoding. */
export function fitsEncoding(shape: readonly number[], encoding: GgufEncoding): boolean {
  return shape.length > 0 && shape[shape.length - 1] % encodings[encoding].block === 0;
}

function aligned(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function encodedLength({ shape, encoding }: GgufEntry): number {
  const { block, bytes } = encodings[encoding];
  return (numel(shape) / block) * bytes;
}

function headerBytes(
  metadata: Readonly<Record<string, string | number>>,
  entries: readonly GgufEntry[],
  offsets: readonly number[],
): Uint8Array {
  const bytes: number[] = [];
  const uint = (value: number, width: number) => {
    for (let i = 0; i < width; i++) bytes.push(Math.floor(value / 256 ** i) % 256);
  };
  const text = (value: string) => {
    const encoded = new TextEncoder().encode(value);
    uint(encoded.length, 8);
    for (const byte of encoded) bytes.push(byte);
  };
  for (const letter of 'GGUF') bytes.push(letter.charCodeAt(0));
  uint(version, 4);
  uint(entries.length, 8);
  uint(Object.keys(metadata).length, 8);
  for (const [key, value] of Object.entries(metadata)) {
    text(key);
    uint(typeof value === 'string' ? stringType : uint32Type, 4);
    if (typeof value === 'string') text(value);
    else uint(value, 4);
  }
  for (const [i, { name, shape, encoding }] of entries.entries()) {
    text(name);
    uint(shape.length, 4);
    for (const size of [...shape].reverse()) uint(size, 8);
    uint(encodings[encoding].type, 4);
    uint(offsets[i], 8);
  }
  return Uint8Array.from(bytes);
}

function encode(values: Float32Array, encoding: GgufEncoding): Uint8Array {
  if (encoding === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (encoding === 'F16') return new Uint8Array(Uint16Array.from(values, numberToFloat16).buffer);
  return encodeQ8_0(values);
}

const f = Math.fround;
const blockSize = 32;

/**
 * Blocks of 32 values: a float16 scale `max |x| / 127` and 32 int8 codes `round(x / scale)`, halves
 * away from zero. Bit for bit quantize_row_q8_0_ref of ggml-quants.c.
 */
function encodeQ8_0(values: Float32Array): Uint8Array {
  const blocks = values.length / blockSize;
  const out = new Uint8Array(blocks * encodings.Q8_0.bytes);
  const view = new DataView(out.buffer);
  for (let block = 0; block < blocks; block++) {
    const row = values.subarray(block * blockSize, (block + 1) * blockSize);
    const scale = f(row.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);
    const inverse = scale === 0 ? 0 : f(1 / scale);
    const at = block * encodings.Q8_0.bytes;
    view.setUint16(at, numberToFloat16(scale), true);
    for (let i = 0; i < blockSize; i++) {
      const x = f(row[i] * inverse);
      view.setInt8(at + 2 + i, Math.sign(x) * Math.floor(Math.abs(x) + 0.5));
    }
  }
  return out;
}
