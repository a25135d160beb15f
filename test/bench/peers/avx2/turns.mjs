// onnxruntime-node in a process of its own: node turns.mjs FOLDER. A line { file, dims, ms } asks for as many runs as
// fit into ms; the answer is their times in µs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gaussian, timedAsync } from '../turns.mjs';

const ort = createRequire(join(process.argv[2], 'package.json'))('onnxruntime-node');
const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' };
const sessions = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  const { file, dims, ms } = JSON.parse(line);
  if (!sessions.has(file)) {
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(file)), options);
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, gaussian);
    sessions.set(file, () => session.run({ x: new ort.Tensor('float32', data, dims) }));
  }
  process.stdout.write(`${JSON.stringify(await timedAsync(sessions.get(file), ms))}\n`);
}
