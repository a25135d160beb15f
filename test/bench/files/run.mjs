// node test/bench/files/run.mjs: opening a 6 GB GGUF beside @huggingface/gguf, and a 1.6 GB ONNX model
// beside protobufjs reading it whole.
//
// Every opening is a process of its own, so that nothing is warm but the file's pages; contenders take
// turns, and medians are reported. The processor's own time stands beside, for machines that are busy. The files are sparse: only their headers and graphs are on disk.
// Memory is read from /proc, so it needs Linux.
import { spawnSync } from 'node:child_process';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cache } from '../../../scripts/lib/run.mjs';
import { loadBundle, median } from '../common.mjs';
import { writeGguf, writeOnnx } from './models.mjs';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const here = dirname(fileURLToPath(import.meta.url));
const work = join(cache, 'bench');
const bundle = join(work, 'openFiles.cjs');

const cases = [
  { what: 'GGUF', file: 'large.gguf', write: writeGguf, peer: '@huggingface/gguf', faster: 5, memory: 0.5 },
  { what: 'ONNX', file: 'large.onnx', write: writeOnnx, peer: 'protobufjs', faster: 50, maxMb: 100 },
];

await mkdir(work, { recursive: true });
await loadBundle(join(here, 'ours.ts'), bundle);
let missed = false;
for (const one of cases) missed = !(await measure(one)) || missed;
process.exitCode = missed ? 1 : 0;

async function measure({ what, file, write, peer, faster, memory, maxMb }) {
  const path = join(work, file);
  const tensors = await write(path);
  const gb = ((await stat(path)).size / 1e9).toFixed(2);
  const runs = { Quantscope: [], [peer]: [] };
  for (let round = 0; round < Number(options.rounds); round++)
    for (const name of Object.keys(runs)) {
      const result = open(name, path);
      if (result.tensors !== tensors) throw new Error(`${name} found ${result.tensors} of ${tensors} tensors`);
      runs[name].push(result);
    }
  await rm(path);
  const [ours, theirs] = Object.values(runs).map((list) => ({
    ms: median(list.map(({ ms }) => ms)),
    cpuMs: median(list.map(({ cpuMs }) => cpuMs)),
    mb: median(list.map(({ kb }) => kb)) / 1000,
  }));
  const ratio = theirs.ms / ours.ms;
  const sound =
    ratio >= faster &&
    (memory === undefined || ours.mb <= memory * theirs.mb) &&
    (maxMb === undefined || ours.mb < maxMb);
  console.log(`${what} of ${gb} GB, ${tensors} tensors (median of ${options.rounds})`);
  for (const [name, { ms, cpuMs, mb }] of [
    ['Quantscope', ours],
    [peer, theirs],
  ])
    console.log(
      `  ${name.padEnd(32)} ${ms.toFixed(1)} ms, of the processor ${cpuMs.toFixed(1)} ms, +${mb.toFixed(1)} MB`,
    );
  const cpuRatio = (theirs.cpuMs / ours.cpuMs).toFixed(1);
  const share = ((ours.mb / theirs.mb) * 100).toFixed(0);
  console.log(
    `  ${ratio.toFixed(1)} times faster (${cpuRatio} by the processor), ${share} % of the memory: ${sound ? 'holds' : 'MISSED'}`,
  );
  return sound;
}

function open(name, path) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(here, 'contender.mjs'), name, path, bundle], {
    encoding: 'utf8',
    maxBuffer: 1 << 20,
  });
  if (status !== 0) throw new Error(`${name} failed: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout);
}
