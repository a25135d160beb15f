// node test/bench/torch/run.mjs: the directory of a ZIP archive with 20,000 entries beside yauzl, and
// PyTorch files of 1, 10 and 40 GB opened to their module tree.
//
// Contenders take turns in one process, and medians are reported. The large files are sparse: only
// their headers are on disk. Every opening of one is a process of its own; memory is read from /proc,
// so it needs Linux.
import { spawnSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yauzl from 'yauzl';
import { cache } from '../../../scripts/lib/run.mjs';
import { loadBundle, median } from '../common.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const work = join(cache, 'bench');
const bundle = join(work, 'openTorch.cjs');
const rounds = 9;

await mkdir(work, { recursive: true });
const { writeSmallEntries, writeSparseTorch, listEntries } = await loadBundle(join(here, 'ours.ts'), bundle);

const directory = await compareDirectories();
const sizes = [];
for (const gigabytes of [1, 10, 40]) sizes.push(await openSparse(gigabytes));
process.exitCode = directory && sizes.every(Boolean) ? 0 : 1;

async function compareDirectories() {
  const entries = 20_000;
  const path = join(work, 'entries.zip');
  await writeSmallEntries(path, entries);
  const contenders = { Quantscope: listEntries, yauzl: listWithYauzl };
  const times = { Quantscope: [], yauzl: [] };
  for (let round = 0; round < rounds; round++)
    for (const [name, list] of Object.entries(contenders)) {
      const started = performance.now();
      const found = await list(path);
      times[name].push(performance.now() - started);
      if (found !== entries) throw new Error(`${name} found ${found} of ${entries} entries`);
    }
  await rm(path);
  const [ours, theirs] = [median(times.Quantscope), median(times.yauzl)];
  const holds = theirs >= 10 * ours;
  console.log(`ZIP of ${entries} entries (median of ${rounds})`);
  console.log(`  Quantscope ${ours.toFixed(1)} ms, yauzl ${theirs.toFixed(1)} ms`);
  console.log(`  ${(theirs / ours).toFixed(1)} times faster, target 10: ${holds ? 'holds' : 'MISSED'}`);
  return holds;
}

function listWithYauzl(path) {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: false }, (error, zip) => {
      if (error) return reject(error);
      let count = 0;
      zip.on('entry', () => count++);
      zip.on('end', () => resolve(count));
      zip.on('error', reject);
    });
  });
}

async function openSparse(gigabytes) {
  const path = join(work, 'sparse.pt');
  await writeSparseTorch(path, gigabytes * 1e9);
  const runs = Array.from({ length: 5 }, () => {
    const script = `require(${JSON.stringify(bundle)}).measureOpen(${JSON.stringify(path)})`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  });
  await rm(path);
  const ms = median(runs.map((run) => run.ms));
  const mb = median(runs.map((run) => run.kb)) / 1000;
  const read = runs[0].read / 1e6;
  const holds = ms < 300 && read < 1 && mb < 50;
  console.log(`PyTorch file of ${gigabytes} GB, ${runs[0].tensors} tensors, to the module tree`);
  console.log(
    `  ${ms.toFixed(1)} ms, ${read.toFixed(2)} MB read, +${mb.toFixed(1)} MB; targets 300 ms, 1 MB, 50 MB: ${holds ? 'hold' : 'MISSED'}`,
  );
  return holds;
}
