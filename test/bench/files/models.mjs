// Large model files that cost no disk: headers as real files have them, and holes where weights are.
import { open } from 'node:fs/promises';

const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const str = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

const types = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 };

function array(type, elements) {
  return Buffer.concat([u32(types.array), u32(types[type]), u64(elements.length), ...elements]);
}

/** A llama of 32 blocks in Q6_K with 150,000 tokens, their scores, types and merges; 6 GB. */
export async function writeGguf(path) {
  const words = 150_000;
  const each = (make) => Array.from({ length: words }, (_, i) => make(i));
  const keyValues = [
    ['general.architecture', Buffer.concat([u32(types.string), str('llama')])],
    ['llama.block_count', Buffer.concat([u32(types.uint32), u32(32)])],
    [
      'tokenizer.ggml.tokens',
      array(
        'string',
        each((i) => str(`token${i}`)),
      ),
    ],
    [
      'tokenizer.ggml.scores',
      array(
        'float32',
        each((i) => Buffer.from(Float32Array.of(-i).buffer)),
      ),
    ],
    [
      'tokenizer.ggml.token_type',
      array(
        'int32',
        each(() => u32(1)),
      ),
    ],
    [
      'tokenizer.ggml.merges',
      array(
        'string',
        each((i) => str(`to ken${i}`)),
      ),
    ],
  ];
  const shapes = [['token_embd.weight', [4096, words]]];
  for (let block = 0; block < 32; block++) {
    for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_output'])
      shapes.push([`blk.${block}.${name}.weight`, [4096, 4096]]);
    for (const name of ['ffn_gate', 'ffn_up']) shapes.push([`blk.${block}.${name}.weight`, [4096, 11008]]);
    shapes.push([`blk.${block}.ffn_down.weight`, [11008, 4096]]);
  }
  shapes.push(['output.weight', [4096, words]]);
  let offset = 0;
  const q6K = 14;
  const table = shapes.map(([name, dims]) => {
    const at = offset;
    offset += Math.ceil((((dims[0] * dims[1]) / 256) * 210) / 32) * 32;
    return Buffer.concat([str(name), u32(2), ...dims.map(u64), u32(q6K), u64(at)]);
  });
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(table.length),
    u64(keyValues.length),
    ...keyValues.flatMap(([key, value]) => [str(key), value]),
    ...table,
  ]);
  await sparse(path, Math.ceil(head.length / 32) * 32 + offset, [[0, head]]);
  return table.length;
}

function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

const field = (number, wire) => varint(number * 8 + wire);
const head = (number, length) => Buffer.concat([field(number, 2), varint(length)]);
const bytes = (number, body) => Buffer.concat([head(number, body.length), body]);
const text = (number, value) => bytes(number, Buffer.from(value));

/** 48 blocks of a transformer, 288 matrices of 5.6 MB and a node for each; 1.6 GB. */
export async function writeOnnx(path) {
  const weights = [];
  const nodes = [];
  const shapes = [[1184, 1184]];
  for (let block = 0; block < 48; block++) {
    for (const name of ['q', 'k', 'v', 'o', 'up', 'down']) {
      const weight = `model.layers.${block}.${name}.weight`;
      weights.push([weight, shapes[0]]);
      nodes.push(
        bytes(
          1,
          Buffer.concat([
            text(1, `x${nodes.length}`),
            text(1, weight),
            text(2, `x${nodes.length + 1}`),
            text(3, `/model/layers.${block}/${name}/MatMul`),
            text(4, 'MatMul'),
          ]),
        ),
      );
    }
  }
  const parts = [];
  let length = 0;
  const put = (buffer, hole = 0) => {
    parts.push([length, buffer]);
    length += buffer.length + hole;
  };
  for (const node of nodes) put(node);
  for (const [name, [rows, columns]] of weights) {
    const size = rows * columns * 4;
    const body = Buffer.concat([
      field(1, 0),
      varint(rows),
      field(1, 0),
      varint(columns),
      field(2, 0),
      varint(1),
      text(8, name),
      head(9, size),
    ]);
    put(Buffer.concat([head(5, body.length + size), body]), size);
  }
  const before = Buffer.concat([
    field(1, 0),
    varint(10),
    text(2, 'bench'),
    bytes(8, Buffer.concat([field(2, 0), varint(21)])),
    head(7, length),
  ]);
  await sparse(path, before.length + length, [
    [0, before],
    ...parts.map(([at, buffer]) => [before.length + at, buffer]),
  ]);
  return weights.length;
}

async function sparse(path, size, parts) {
  const file = await open(path, 'w');
  for (const [at, buffer] of parts) await file.write(buffer, 0, buffer.length, at);
  await file.truncate(size);
  await file.close();
}
