import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBundles, temporaryFolder } from '../support/bundles';
import { fixturePath } from '../support/fixtures';
import { readNpz } from '../support/npz';
import { runCli } from '../support/runCli';

/** JSON of unknown shape, looked into by tests. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the test is about
type Json = any;

describe('answers on the command line', function () {
  this.timeout(60_000);
  let folder: string;

  before(async () => {
    folder = await temporaryFolder();
    await buildBundles(folder, ['cli', 'engineWorker']);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function json(...args: string[]): Promise<Json> {
    const { code, stdout, stderr } = await runCli(folder, [...args, '--json']);
    assert.deepEqual([code, stderr], [0, '']);
    return JSON.parse(stdout);
  }

  it('forward runs a quantized file as it is, and writes its outputs', async () => {
    const out = join(folder, 'out.npz');
    const file = fixturePath('torch-2.13', 'mlp.fbgemm.quantized_module.pt');
    const inputs = fixturePath('torch-2.13', 'mlp.npz');
    const result = await json(
      'forward',
      file,
      '--inputs',
      inputs,
      '--engine',
      'fbgemm',
      '--outputs',
      out,
      '--runs',
      '1',
    );
    assert.equal(result.activations.length, 2);
    const [written, theirs] = [await readNpz(out), await readNpz(inputs)];
    assert.deepEqual(written.get('output.0'), theirs.get('fbgemm.0'));
  });

  it('forward --outputs of one module are its float outputs, or with --quantized the others', async () => {
    const out = join(folder, 'lstm.npz');
    const file = fixturePath('torch-1.13', 'recipe_lstm.pt');
    const inputs = fixturePath('torch-1.13', 'recipe_lstm.npz');
    await json('forward', file, '--module', 'lstm', '--inputs', inputs, '--outputs', out, '--runs', '1');
    const float = (await readNpz(out)).get('output.0')?.data as Float32Array;
    const expected = (await readNpz(inputs)).get('float.0')?.data as Float32Array;
    assert.ok(float.every((value, i) => Math.abs(value - expected[i]) <= 1e-6));
    await json('forward', file, '--module', 'lstm', '--inputs', inputs, '--outputs', out, '--runs', '1', '--quantized');
    const int8 = (await readNpz(out)).get('output.0')?.data as Float32Array;
    assert.ok(int8.some((value, i) => Math.abs(value - expected[i]) > 1e-4));
  });

  it('quantize lists what is quantized already with that reason', async () => {
    const { modules, skipped } = await json('quantize', fixturePath('twins', 'fused.2.13.module.pt'));
    assert.deepEqual(modules, []);
    assert.deepEqual(new Set(skipped.map(({ reason }: Json) => reason)), new Set(['it is quantized already']));
  });
});
