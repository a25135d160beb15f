// node test/bench/stream/run.mjs [--only load,click,stats,quantize,export,sizes] [--rounds 3]: work that grows with the
// file, beside numpy, PyTorch and ONNX Runtime (python3, or QUANTSCOPE_PYTHON_CURRENT) and beside cp.
//
// Every measurement is a process of its own, contenders take turns, and medians are reported. Needs up to
// 14 GB of disk under .cache/bench, and a build (node esbuild.mjs).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cache } from '../../../scripts/lib/run.mjs';
import { loadBundle } from '../common.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'load,click,stats,quantize,export,sizes' },
  },
});
const rounds = Number(options.rounds);
const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, '..', '..', '..', 'dist');
const work = join(cache, 'bench', 'stream');
const bundle = join(work, 'ours.cjs');
const python = process.env.QUANTSCOPE_PYTHON_CURRENT ?? 'python3';
if (!existsSync(join(dist, 'engineWorker.js'))) throw new Error('Build first: node esbuild.mjs');

await mkdir(work, { recursive: true });
const { writeWeights, writeWeight } = await loadBundle(join(here, 'ours.ts'), bundle);
const at = (name) => join(work, name);
let missed = 0;

console.log(`load ${loadavg()[0].toFixed(1)}, median of ${rounds}`);
const cases = { load, click, stats, quantize, export: exportLarge, sizes };
try {
  for (const name of options.only.split(',')) await cases[name]();
} finally {
  await rm(work, { recursive: true, force: true });
}
process.exitCode = missed > 0 ? 1 : 0;

/** The rest of the activation, and stalls, are measured where they happen: npm run bench:host. */
async function load() {
  const found = inTurns({ load: () => ours('loadExtension', '', dist) });
  say(`the extension's bundle is loaded in ${ms(found.load)}`, found.load.ms < 30, 'target 30 ms for the activation');
}

async function click() {
  await writeWeights(at('one.safetensors'), 1, false);
  const { values, all } = inTurns({
    values: () => ours('click', at('one.safetensors'), dist),
    all: () => ours('clickAll', at('one.safetensors'), dist),
  });
  say('4096 × 4096 float32, the first of a fresh thread');
  say(`  histogram ${ms(values)}, with what int8 does ${ms(all)}`, values.ms < 50, 'target 50 ms to the picture');
}

async function stats() {
  await writeWeights(at('gigabyte.safetensors'), 16, false);
  const path = at('gigabyte.safetensors');
  const memory = ours('memoryRate', path, dist);
  const peer = hasPython('numpy');
  const found = inTurns({
    alone: () => ours('stats', path, dist),
    together: () => ours('statsTogether', path, dist),
    ...(peer && { numpy: () => peers('numpy', path) }),
  });
  await rm(path);
  say('min, max, mean, std and 512 bins of 1 GB float32 in a file');
  for (const [name, own] of [
    ['one thread', found.alone],
    ['with a helper', found.together],
  ]) {
    say(`  ${name}: ${ms(own)}`);
    if (peer) {
      const ratio = found.numpy.ms / own.ms;
      say(`    numpy in memory ${ms(found.numpy)}, ${ratio.toFixed(1)} ×`, ratio >= 10, 'target 10 ×');
    }
    const rate = 1.0737 / (own.ms / 1000);
    const share = rate / memory.gbPerSecond;
    const rates = `${rate.toFixed(2)} GB/s of ${memory.gbPerSecond.toFixed(1)} GB/s that memory gives`;
    say(`    ${rates}, ${share.toFixed(2)}`, share >= 0.25, 'target 0.25');
  }
}

async function quantize() {
  await writeWeights(at('two.safetensors'), 32, false);
  const [torch, onnx] = [hasPython('torch'), hasPython('onnxruntime, onnx')];
  if (torch && onnx) peers('prepare', at('two.safetensors'), at('two.pt'), at('two.onnx'));
  const suffix = torch && onnx ? 'pt' : 'safetensors';
  const found = inTurns({
    own: () => ours('quantizeFile', at(`two.${suffix}`), dist, at(`two.int8.${suffix}`)),
    ...(torch && onnx && { torch: () => peers('torch', at('two.pt'), at('torch.pt')) }),
    ...(torch && onnx && { onnx: () => peers('onnx', at('two.onnx'), at('int8.onnx')) }),
  });
  say('a 2 GB float32 checkpoint quantized, file to file');
  say(`  ${ms(found.own)}, ${found.own.mb.toFixed(0)} MB`, found.own.mb < 300, 'target 300 MB');
  for (const [name, target] of [
    ['torch', 2],
    ['onnx', 5],
  ]) {
    if (found[name] === undefined) continue;
    const ratio = found[name].ms / found.own.ms;
    say(`  ${name} ${ms(found[name])}, ${ratio.toFixed(2)} ×`, ratio >= target, `target ${target} ×`);
  }
  for (const name of ['two.safetensors', 'two.pt', 'two.onnx', 'two.onnx.data', `two.int8.${suffix}`, 'torch.pt'])
    await rm(at(name), { force: true });
}

async function exportLarge() {
  await writeWeights(at('four.safetensors'), 64, false);
  const copy = (sync) => () => {
    const started = performance.now();
    shell('cp', [at('four.safetensors'), at('copy')]);
    if (sync) shell('sync', [at('copy')]);
    return { ms: performance.now() - started, mb: 0 };
  };
  const found = inTurns({
    own: () => ours('exportFile', at('four.safetensors'), dist, at('out.pt')),
    cp: copy(false),
    synced: copy(true),
  });
  const [plain, synced] = [found.cp.ms / found.own.ms, found.synced.ms / found.own.ms];
  say('4.3 GB exported to PyTorch, flushed and read back');
  say(`  ${ms(found.own)}, ${found.own.mb.toFixed(0)} MB`, found.own.mb < 300, 'target 300 MB');
  say(`  cp ${ms(found.cp)}, ${plain.toFixed(2)} of its speed`, plain > 0.5, 'target 0.5');
  say(`  cp and sync ${ms(found.synced)}, ${synced.toFixed(2)} of its speed`);
  for (const name of ['four.safetensors', 'out.pt', 'copy']) await rm(at(name), { force: true });
}

/** Time per weight from 1 MB to 4 GB on one thread. A process is warmed up by its first tensor. */
async function sizes() {
  const perWeight = [];
  for (const mb of [1, 16, 256, 1024, 4096]) {
    const path = at('weight.safetensors');
    await writeWeight(path, mb * 1024 * 1024);
    const found = inTurns({ stats: () => ours('stats', path, dist) });
    perWeight.push((found.stats.ms * 1e6) / ((mb * 1024 * 1024) / 4));
    say(`statistics of ${mb} MB: ${ms(found.stats)}, ${perWeight.at(-1).toFixed(2)} ns a weight`);
  }
  const spread = Math.max(...perWeight) / Math.min(...perWeight);
  say(`  largest over smallest ${spread.toFixed(2)}`, spread <= 1.2, 'target 1.2');
}

/** Every contender in every round; the middle of each. */
function inTurns(contenders) {
  const runs = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of Object.entries(contenders)) runs[name].push(run());
  return Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [name, list.sort((a, b) => a.ms - b.ms)[list.length >> 1]]),
  );
}

function ours(name, ...args) {
  const call = `require(${JSON.stringify(bundle)}).${name}(...${JSON.stringify(args)})`;
  return JSON.parse(shell(process.execPath, ['-e', `${call}.then((r) => console.log(JSON.stringify(r)))`]));
}

function peers(...args) {
  return JSON.parse(
    shell(python, [join(here, 'peers.py'), ...args])
      .split('\n')
      .at(-1) || 'null',
  );
}

function hasPython(modules) {
  if (spawnSync(python, ['-c', `import ${modules}`]).status === 0) return true;
  say(`  skipped: ${python} has no ${modules}; QUANTSCOPE_PYTHON_CURRENT names another`);
  return false;
}

function shell(command, args) {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 24 });
  if (status !== 0) throw new Error(`${command}: ${stderr.slice(-2000)}`);
  return stdout.trim();
}

/** Beside it the processor's own time, for machines that are busy. */
function ms(found) {
  const time = found.ms < 10_000 ? `${found.ms.toFixed(0)} ms` : `${(found.ms / 1000).toFixed(1)} s`;
  return found.cpuMs === undefined ? time : `${time} (of the processor ${found.cpuMs.toFixed(0)})`;
}

function say(text, holds, target) {
  if (holds === false) missed++;
  console.log(target === undefined ? text : `${text}; ${target}: ${holds ? 'holds' : 'MISSED'}`);
}
