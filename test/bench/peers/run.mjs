// npm run bench:peers: Quantscope beside onnxruntime-node, onnxruntime-web and PyTorch, one thread each.
//
// All run in the same minutes: in every round each contender has its turn at a case, so that a busy
// machine is busy for all of them. Reported are medians over all turns, and their ratios. Peers that
// are not there are left out and named. Writes test/bench/RESULTS.md, or what --out names beside it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cache, find, npm, root, run } from '../../../scripts/lib/run.mjs';
import { loadBundle, median } from '../common.mjs';
import { startOnAvx2 } from './avx2/prepare.mjs';
import { report } from './report.mjs';
import { measureClock } from './targets.mjs';
import { gaussian, timed, timedAsync } from './turns.mjs';

const { values: options } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    rounds: { type: 'string', default: '7' },
    ms: { type: 'string', default: '150' },
    out: { type: 'string', default: 'RESULTS.md' },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const work = join(cache, 'bench');
const rounds = Number(options.rounds);
const turnMs = Number(options.ms);

/** A contender makes, for a case and a precision, an async function that runs for so many ms and gives times in µs. */
async function ours() {
  const { install, contender, benchmarkCases, multiplyAdds, statistics, interpreted, useThreads } = await loadBundle(
    join(here, 'ours.ts'),
    join(work, 'ours.cjs'),
  );
  const version = install(join(root, 'dist'));
  const make = (one) => {
    const at = contender(one);
    return (int8) => {
      const pass = at(int8);
      return async (ms) => timed(pass, ms);
    };
  };
  const two = () => useThreads(join(root, 'dist'), 2);
  return {
    benchmarkCases,
    multiplyAdds,
    statistics,
    interpreted,
    two,
    contender: { name: 'Quantscope', version, make },
  };
}

/** Both bindings of ONNX Runtime have one interface. */
function onnxRuntime(name, ort, version, models, sessionOptions) {
  const make = (one, index) => async (int8) => {
    const file = modelFile(models, index, int8);
    if (!existsSync(file)) return undefined;
    const session = await ort.InferenceSession.create(new Uint8Array(await readFile(file)), sessionOptions);
    const dims = inputShape(one);
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, gaussian);
    const feeds = { x: new ort.Tensor('float32', data, dims) };
    return (ms) => timedAsync(() => session.run(feeds), ms);
  };
  return { name, version, make };
}

const modelFile = (models, index, int8) => join(models, `${index}.${int8 ? 'int8' : 'float'}.onnx`);

function inputShape(one) {
  if (one.type === 'Linear') return [one.batch, one.inFeatures];
  return [one.steps, one.batch ?? 1, one.width];
}

async function onnxPeers(python, cases) {
  const models = join(work, 'models');
  await writeFile(join(work, 'cases.json'), JSON.stringify(cases));
  if (spawnSync(python, ['-c', 'import onnx, onnxruntime'], { stdio: 'ignore' }).status !== 0) {
    return { left: ['ONNX Runtime: this Python has no onnx and onnxruntime to make the models with'], peers: [] };
  }
  await run(python, [join(here, 'models.py'), join(work, 'cases.json'), models], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const peers = [];
  const install = join(work, 'peers');
  await mkdir(install, { recursive: true });
  for (const file of ['package.json', 'package-lock.json'])
    await writeFile(join(install, file), await readFile(join(here, file)));
  // The package has its CPU library inside; its install script would only fetch one for GPUs.
  await run(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: install, stdio: 'ignore' });
  const require = createRequire(join(install, 'package.json'));
  const node = require('onnxruntime-node');
  const nodeVersion = await packageVersion(install, 'onnxruntime-node');
  const onThreads = (intraOpNumThreads) => {
    const session = { intraOpNumThreads, interOpNumThreads: 1, executionMode: 'sequential' };
    return onnxRuntime('onnxruntime-node', node, nodeVersion, models, session);
  };
  peers.push({ ...onThreads(1), onTwo: onThreads(2) });
  const turnOnAvx2 = startOnAvx2(install, join(work, 'avx2'));
  if (turnOnAvx2 !== undefined) {
    const make = (one, index) => (int8) => {
      const file = modelFile(models, index, int8);
      return existsSync(file) ? (ms) => turnOnAvx2({ file, dims: inputShape(one), ms }) : undefined;
    };
    peers.push({
      name: 'onnxruntime-node on AVX2',
      version: `${nodeVersion}, as on a processor with AVX2 and nothing later`,
      make,
    });
  }
  const web = await import('onnxruntime-web');
  web.env.wasm.numThreads = 1;
  web.env.logLevel = 'error';
  const webVersion = await packageVersion(root, 'onnxruntime-web');
  peers.push(onnxRuntime('onnxruntime-web', web, webVersion, models, { executionProviders: ['wasm'] }));
  return { left: [], peers };
}

/** Shapes whose targets speak of two threads. */
const shared = ['LSTM 256', 'LSTM 1024 × 2 layers', 'Linear 1024 → 4096, batch 1', 'Linear 768 → 3072, batch 128'];

/** Ours and onnxruntime-node on two threads each; none where there are not two. */
async function measureTwoThreads(peers) {
  const node = peers.find(({ name }) => name === 'onnxruntime-node');
  if (node === undefined || (await two()) < 2) return [];
  const results = [];
  for (const [index, one] of chosen.entries()) {
    if (!shared.includes(one.name)) continue;
    results.push({ name: one.name, entries: await measureCase(one, index, [contender, node.onTwo]) });
  }
  return results;
}

async function packageVersion(folder, name) {
  return JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

async function pytorch(python) {
  const child = spawn(python, [join(here, 'pytorch.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    return done ? undefined : JSON.parse(value);
  };
  child.stdin.on('error', () => {});
  const hello = await ask({});
  if (hello === undefined) return undefined;
  const make = (one) => (int8) => async (ms) => (await ask({ case: one, int8, ms })).times;
  return { name: 'PyTorch', version: `${hello.version}, ${hello.engine}`, make, ask, stop: () => child.stdin.end() };
}

async function measureCase(one, index, contenders) {
  const entries = [];
  for (const { name, make } of contenders) {
    for (const int8 of [false, true]) {
      const turn = await (await make(one, index))(int8);
      if (turn !== undefined) entries.push({ name, int8, turn, times: [] });
    }
  }
  // The first turn compiles, packs and fills caches.
  for (const { turn } of entries) await turn(turnMs);
  for (let round = 0; round < rounds; round++) {
    for (const { turn, times } of entries) times.push(...(await turn(turnMs)));
  }
  return entries.map(({ name, int8, times }) => ({
    name,
    int8,
    median: median(times),
    best: Math.min(...times.slice(0, 1e5)),
    runs: times.length,
  }));
}

/** Sizes of the MLP and rows of its input. */
const programs = [
  [64, 1],
  [256, 1],
  [256, 16],
  [1024, 1],
];

/** Of the time of a program, the share that is not in its products. */
function measureInterpreter([width, rows]) {
  const { run: pass, productMs } = interpreted(width, rows);
  timed(pass, turnMs);
  const shares = [];
  for (let round = 0; round < rounds; round++) {
    const before = productMs();
    const whole = timed(pass, turnMs).reduce((a, b) => a + b) / 1000;
    shares.push(1 - (productMs() - before) / whole);
  }
  return { width, rows, share: median(shares) };
}

/** 256 MB in memory, three turns each: ours, and numpy's reductions and histogram. */
async function measureStatistics() {
  const { run: pass, bytes } = statistics();
  const own = [];
  const numpy = [];
  pass();
  for (let round = 0; round < 3; round++) {
    own.push(...timed(pass, 0));
    if (torch !== undefined) numpy.push(...(await torch.ask({ case: 'statistics', count: bytes / 4 })).times);
  }
  return { bytes, own: Math.min(...own), numpy: numpy.length > 0 ? Math.min(...numpy) : undefined };
}

function pythonPath() {
  const own = join(cache, 'python', 'bin', 'python');
  return process.env.QUANTSCOPE_PYTHON ?? (existsSync(own) ? own : (find('python3') ?? 'python'));
}

await mkdir(work, { recursive: true });
const { benchmarkCases, multiplyAdds, statistics, interpreted, two, contender } = await ours();
const chosen = benchmarkCases.filter(({ name }) => name.toLowerCase().includes(options.filter.toLowerCase()));
const python = pythonPath();
const { left, peers } = await onnxPeers(python, chosen);
const torch = await pytorch(python);
if (torch === undefined) left.push('PyTorch: this Python has none');
const contenders = [contender, ...peers, ...(torch ? [torch] : [])];
const results = [];
const clocks = [];
for (const [index, one] of chosen.entries()) {
  const entries = await measureCase(one, index, contenders);
  const work = multiplyAdds(one);
  const weights = work / ((one.batch ?? 1) * (one.steps ?? 1));
  results.push({ name: one.name, entries, multiplyAdds: work, weights, size: one.width ?? one.inFeatures });
  clocks.push(measureClock());
  console.log(
    one.name,
    entries.map(({ name, int8, median }) => `${name} ${int8 ? 'int8' : 'f32'} ${median.toFixed(1)}`).join(' · '),
  );
}
const streams = await measureStatistics();
const interpreter = programs.map(measureInterpreter);
const twoThreads = await measureTwoThreads(peers);
torch?.stop();
const machine = `${cpus()[0].model.trim()}, ${cpus().length} logical CPUs, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
const text = report({
  machine,
  load: loadavg(),
  clock: median(clocks),
  date: new Date().toISOString().slice(0, 10),
  contenders,
  left,
  results,
  streams,
  interpreter,
  twoThreads,
  rounds,
  turnMs,
});
// A part of the cases is for looking; only a whole run is the record.
if (options.filter) console.log(`\n${text}`);
else await writeFile(join(root, 'test', 'bench', options.out), text);
process.exit(0);
