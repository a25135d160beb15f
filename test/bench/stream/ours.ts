// Quantscope's side of run.mjs: each call is one process, which prints what it measured as JSON.
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import Module, { createRequire } from 'node:module';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { observeRange } from '../../../src/engine/quantization/observers';
import { openModel } from '../../../src/model/openModel';
import { tensorDetail, tensorStats } from '../../../src/model/tensorDetail';
import type { QuantizeSpecDto } from '../../../src/protocol/quantizeDto';
import { EngineClient } from '../../../src/worker/enginePool';
import { openFileSource } from '../../../src/worker/fileSource';
import { installKernelFiles } from '../../../src/worker/kernelFiles';

const side = 4096;
const blockBytes = side * side * 4;

/** A state dict of Linear layers 4096 × 4096: normal weights, or holes in the file. */
export async function writeWeights(path: string, layers: number, sparse: boolean): Promise<void> {
  const entries = Array.from({ length: layers }, (_, i) => {
    const span = `[${i * blockBytes},${(i + 1) * blockBytes}]`;
    return `"layers.${i}.weight":{"dtype":"F32","shape":[${side},${side}],"data_offsets":${span}}`;
  });
  await writeFile(path, entries.join(','), layers * blockBytes, sparse);
}

/** One Linear of so many bytes. */
export async function writeWeight(path: string, bytes: number): Promise<void> {
  const shape = `[${bytes / 4 / 1024},1024]`;
  await writeFile(path, `"weight":{"dtype":"F32","shape":${shape},"data_offsets":[0,${bytes}]}`, bytes, false);
}

async function writeFile(path: string, entries: string, bytes: number, sparse: boolean): Promise<void> {
  const header = Buffer.from(`{${entries}}`.padEnd(Math.ceil((entries.length + 2) / 8) * 8));
  const file = await open(path, 'w');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await file.write(Buffer.concat([length, header]));
  if (sparse) await file.truncate(8 + header.length + bytes);
  else {
    const block = normalBlock();
    for (let done = 0; done < bytes; done += block.length) await file.write(block.subarray(0, bytes - done));
    await file.sync();
  }
  await file.close();
}

/** Sums of four uniform numbers: near enough to normal, and made in a second. */
function normalBlock(): Buffer {
  const words = new Uint32Array(side * side);
  randomFillSync(words);
  const values = new Float32Array(side * side);
  for (let i = 0; i < values.length; i++) {
    const word = words[i];
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
    values[i] = (sum - 510 + (i % 97) / 97) * 2e-4;
  }
  return Buffer.from(values.buffer);
}

const spec: QuantizeSpecDto = { engine: 'fbgemm', dtype: 'qint8', perChannel: false, modules: null, exclude: [] };

/** Time, the processor's own time in all threads, and the largest resident set. */
async function measured(work: () => Promise<unknown>) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000, mb: process.resourceUsage().maxRSS / 1000 };
}

/** Through the engine's thread, as the editor and the command line do it. */
async function withEngine(path: string, dist: string, work: (engine: EngineClient) => Promise<unknown>) {
  const engine = new EngineClient(path, { workerPath: `${dist}/engineWorker.js` });
  await engine.call('open', { path });
  const found = await measured(() => work(engine));
  engine.dispose();
  return found;
}

const request = (target: string, quantized: boolean) =>
  ({
    target,
    format: target.endsWith('.pt') ? 'torch' : 'safetensors',
    spec: quantized ? spec : null,
    layout: 'state_dict',
    torchStyle: '2',
    module: '',
    shardBytes: 1e12,
    reduceRange: false,
    overwrite: true,
  }) as const;

/** The first histogram of a tensor that was clicked: the time until the answer is in the other thread. */
export function click(path: string, dist: string) {
  return withEngine(path, dist, (engine) =>
    engine.call('tensorDetail', { name: 'layers.0.weight', scheme: 'per_tensor', bins: 64, only: 'values' }),
  );
}

/** And with what int8 does to it. */
export function clickAll(path: string, dist: string) {
  return withEngine(path, dist, (engine) =>
    engine.call('tensorDetail', { name: 'layers.0.weight', scheme: 'per_tensor', bins: 64 }),
  );
}

/** What the editor pays before our `activate` begins: the extension's bundle with all that it asks for. */
export function loadExtension(_: string, dist: string) {
  const { _load: load } = Module as unknown as { _load: (name: string, ...rest: unknown[]) => unknown };
  const vscode: object = new Proxy(class {}, { get: () => vscode });
  Object.assign(Module, {
    _load: (name: string, ...rest: unknown[]) => (name === 'vscode' ? vscode : load(name, ...rest)),
  });
  return measured(async () => createRequire(__filename)(`${dist}/extension.js`));
}

export function quantizeFile(path: string, dist: string, target: string) {
  return withEngine(path, dist, async (engine) => {
    await engine.call('exportModel', request(target, true));
    await engine.call('quantize', spec);
  });
}

export function exportFile(path: string, dist: string, target: string) {
  return withEngine(path, dist, (engine) => engine.call('exportModel', request(target, false)));
}

/** Statistics and a histogram of 512 bins of every tensor as the editor and the command line ask for them, helpers and all. */
export function statsTogether(path: string, dist: string) {
  return withEngine(path, dist, async (engine) => {
    await engine.call('stats', { tensor: null, bins: 512 });
  });
}

/** The same in this thread alone. */
export async function stats(path: string, dist: string) {
  installKernelFiles(dist);
  const source = await openFileSource(path);
  const model = await openModel(source, neverAborted);
  // Compiled before it is timed, as a thread that has looked at one tensor has it.
  const [first] = model.tensors.keys();
  await tensorDetail(model, { name: first, scheme: 'per_tensor', bins: 64 }, neverAborted);
  // A small file is gone through more than once, so that the clock and the compiler do not count.
  const turns = Math.max(1, Math.ceil((256 * 1024 * 1024) / source.size));
  const found = await measured(async () => {
    for (let turn = 0; turn < turns; turn++) await tensorStats(model, null, 512, neverAborted, noProgress);
  });
  await source.close();
  return { ...found, ms: found.ms / turns, cpuMs: found.cpuMs / turns };
}

/** How fast memory can be read once: the best of the C library's search and of our smallest loop. */
export async function memoryRate(path: string, dist: string) {
  installKernelFiles(dist);
  const bytes = readFileSync(path)
    .subarray(0, 512 * 1024 * 1024)
    .fill(1);
  const floats = new Float32Array(bytes.buffer, Math.ceil(bytes.byteOffset / 4) * 4, bytes.length / 4 - 1);
  let best = 0;
  for (let round = 0; round < 5; round++) {
    for (const read of [() => bytes.indexOf(7), () => observeRange(floats)]) {
      const started = performance.now();
      read();
      best = Math.max(best, bytes.length / 1e6 / (performance.now() - started));
    }
  }
  return { gbPerSecond: best };
}
