import { writeFile } from 'node:fs/promises';

/** Writes a safetensors file of very many tiny tensors in nested modules. */
export async function writeBigModel(path: string, tensors: number): Promise<void> {
  const header: Record<string, unknown> = {};
  for (let i = 0; i < tensors; i++) {
    const name = `layers.${Math.floor(i / 1000)}.block.${Math.floor(i / 10) % 100}.part.weight_${i % 10}`;
    header[name] = { dtype: 'F32', shape: [1], data_offsets: [4 * i, 4 * i + 4] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(path, Buffer.concat([length, text, Buffer.alloc(4 * tensors)]));
}
