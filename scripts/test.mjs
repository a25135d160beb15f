// `npm test`: installs what is missing, builds, and runs every suite; `npm test -- unit cli` runs
// those only, and is the way to those that need gigabytes of disk. Nothing is skipped in silence, and the last line adds everything up.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { currentNodeEnvironment } from './lib/currentNode.mjs';
import { ensureDependencies } from './lib/dependencies.mjs';
import { pythonEnvironment } from './lib/python.mjs';
import { cache, root, run } from './lib/run.mjs';

/** In the order of what they need: nothing, the command line, a browser, a VS Code, a PyTorch. */
const suites = ['unit', 'parity', 'hostile', 'cli', 'ui', 'host', 'interop'];

/** Only when they are asked for. */
const onRequest = ['large'];

const asked = process.argv.slice(2);
const known = ['check', ...suites, ...onRequest];
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no suite ${unknown.join(', ')}. Suites: ${known.join(', ')}.`);
  process.exit(2);
}
const wanted = (name) => asked.length === 0 || asked.includes(name);

await ensureDependencies();
await run(process.execPath, ['esbuild.mjs', '--tests']);

const total = { passed: 0, failed: 0, skipped: 0 };
const add = (name, counts, started) => {
  for (const key of Object.keys(total)) total[key] += counts[key];
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`);
};

if (wanted('check')) await check();
for (const name of suites) if (wanted(name) && hasTests(name)) await suite(name);
for (const name of onRequest) if (asked.includes(name)) await suite(name);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** The linter and the types of every world, each one check. */
async function check() {
  const started = Date.now();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const bin = (name) => join(root, 'node_modules', ...name);
  const tsc = (project) => [bin(['typescript', 'bin', 'tsc']), '-p', project];
  const checks = [[bin(['@biomejs', 'biome', 'bin', 'biome']), 'check', '.'], tsc('.'), tsc('webview-ui'), tsc('test')];
  for (const args of checks) {
    try {
      await run(process.execPath, args, { shell: false });
      counts.passed++;
    } catch (error) {
      console.error(error.message);
      counts.failed++;
    }
  }
  add('check', counts, started);
}

function hasTests(name) {
  const folder = join(root, 'test', name);
  return existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => /\.test\.ts$/.test(file));
}

async function suite(name) {
  const started = Date.now();
  mkdirSync(cache, { recursive: true });
  const file = join(cache, `counts-${name}.json`);
  rmSync(file, { force: true });
  const peers = ['interop', 'large'].includes(name)
    ? await pythonEnvironment()
    : name === 'parity'
      ? await currentNodeEnvironment()
      : {};
  // What runs inside VS Code is started by the tests that drive it.
  const args = [
    join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
    `out/test/${name}/**/*.test.js`,
    '--ignore',
    'out/test/host/inside/**',
    '--reporter',
    join(root, 'scripts', 'lib', 'reporter.cjs'),
  ];
  try {
    await run(process.execPath, args, { shell: false, env: { ...process.env, ...peers, QUANTSCOPE_COUNTS: file } });
  } catch (error) {
    if (!existsSync(file)) console.error(`${name} ended before its tests did: ${error.message}`);
  }
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 1, skipped: 0 };
  add(name, counts, started);
}
