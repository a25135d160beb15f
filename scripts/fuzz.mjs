// `npm run fuzz -- --count 200000`: mutants of every format, that many a format, each target in a
// process of its own that is watched. `--only NAME` (a part of a target's name) and `--seed N`
// repeat what a failure prints.
import { fork, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './lib/run.mjs';

const { values } = parseArgs({
  options: { count: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const count = Number(values.count ?? 20_000);
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed) || count < 1) {
  console.error('--count and --seed are whole numbers.');
  process.exit(2);
}

/** A case of a few kilobytes that is not done by then hangs. */
const hangMs = 30_000;
const child = join(root, 'out', 'test', 'support', 'fuzzRun.js');

await run(process.execPath, ['esbuild.mjs', '--tests']);
const targets = spawnSync(process.execPath, [child], { encoding: 'utf8' })
  .stdout.split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const perFormat = (id) => targets.filter(({ formats }) => formats.includes(id)).length;

let failures = 0;
for (const { name, formats } of targets) {
  if (values.only !== undefined && !name.includes(values.only)) continue;
  const cases = values.only === undefined ? Math.ceil(count / perFormat(formats[0])) : count;
  const started = Date.now();
  const { done, problems, codes } = await fuzz(name, cases);
  failures += problems.length;
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(`${formats[0]} (${name}): ${done} mutants, ${codes} codes, ${problems.length} failures (${seconds} s)`);
  for (const problem of problems.slice(0, 5)) console.log(`  --only "${name}" --count 1 ${problem}`);
}
console.log(`seed ${seed}: ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;

function fuzz(name, cases) {
  return new Promise((resolve) => {
    const worker = fork(child, [name, String(seed), String(cases)], { execArgv: ['--max-old-space-size=1024'] });
    const problems = [];
    let at = 0;
    let codes = 0;
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => {
        problems.push(`hangs at or after --seed ${seed + at}`);
        worker.kill('SIGKILL');
      }, hangMs);
    };
    alive();
    worker.on('message', (message) => {
      alive();
      if (message.at !== undefined) at = message.at;
      if (message.failure !== undefined) problems.push(message.failure);
      if (message.done !== undefined) {
        at = message.done;
        codes = message.codes.length;
      }
    });
    worker.on('exit', (code) => {
      clearTimeout(watch);
      if (code !== 0 && problems.length === 0) problems.push(`died at or after --seed ${seed + at}`);
      resolve({ done: at, problems, codes });
    });
  });
}
