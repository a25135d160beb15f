// node test/bench/files/safetensors.mjs: opening safetensors files of 1, 10 and 40 GB, and headers
// of 100,000 and 500,000 tensors beside JSON.parse of the same header, which is the part of the work
// that other readers spend in one go.
//
// Every opening is a process of its own; the files are sparse. Memory and bytes read come from
// /proc, so it needs Linux.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache } from '../../../scripts/lib/run.mjs';
import { loadBundle, median } from '../common.mjs';

const self = fileURLToPath(import.meta.url);
const work = join(cache, 'bench');
const bundle = join(work, 'openSafetensors.cjs');
const rounds = 5;

if (process.argv[2] === '--child') await child(process.argv[3], process.argv[4]);
else await measureAll();

async function measureAll() {
  await mkdir(work, { recursive: true });
  await loadBundle(join(dirname(self), 'ours.ts'), bundle);
  console.log(`median of ${rounds}; ms, megabytes of memory gained, kilobytes read`);
  for (const gb of [1, 10, 40]) await measure(`${gb} GB, 1,000 tensors`, 1_000, gb * 1e9, ['open']);
  for (const count of [100_000, 500_000]) {
    await measure(`${count.toLocaleString('en-US')} tensors`, count, count * 64, ['open', 'parse']);
  }
}

async function measure(what, count, bytes, ways) {
  const path = join(work, 'bench.safetensors');
  await write(path, count, Math.floor(bytes / count / 64) * 64);
  for (const way of ways) {
    const runs = Array.from({ length: rounds }, () => {
      const { stdout, stderr, status } = spawnSync(process.execPath, [self, '--child', way, path], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr.slice(-2000));
      const result = JSON.parse(stdout);
      if (result.tensors !== count) throw new Error(`${way} found ${result.tensors} of ${count} tensors`);
      return result;
    });
    const middle = (key) => median(runs.map((one) => one[key]));
    const name = way === 'open' ? 'Quantscope, to the module tree' : 'JSON.parse of the header';
    const figures = [
      `${middle('ms').toFixed(0)} ms`,
      `+${middle('mb').toFixed(0)} MB`,
      `${middle('kb').toFixed(0)} KB`,
    ];
    console.log(`${what}: ${name}: ${figures.join('  ')}`);
  }
  await rm(path);
}

/** Experts of a mixture, three matrices each: names as large models have them. */
async function write(path, count, each) {
  const parts = ['gate_proj', 'up_proj', 'down_proj'];
  const entries = Array.from({ length: count }, (_, i) => {
    const expert = Math.floor(i / 3);
    const name = `model.layers.${Math.floor(expert / 256)}.mlp.experts.${expert % 256}.${parts[i % 3]}.weight`;
    return `"${name}":{"dtype":"BF16","shape":[${each / 64},32],"data_offsets":[${i * each},${(i + 1) * each}]}`;
  });
  const header = Buffer.from(`{${entries.join(',')}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, 'w');
  await file.write(Buffer.concat([length, header]));
  await file.truncate(8 + header.length + count * each);
  await file.close();
}

async function child(way, path) {
  const ours = createRequire(import.meta.url)(bundle);
  const status = () => ({
    kb: Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]),
    read: Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]),
  });
  const before = status();
  const started = performance.now();
  const tensors = way === 'open' ? await ours.open(path) : parse(path);
  const ms = performance.now() - started;
  const after = status();
  console.log(
    JSON.stringify({ tensors, ms, mb: (after.kb - before.kb) / 1000, kb: (after.read - before.read) / 1000 }),
  );
}

function parse(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  return Object.keys(JSON.parse(bytes.toString('utf8', 8, 8 + length))).length;
}
