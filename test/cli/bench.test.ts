import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { commandLine } from '../support/commandLine';

describe('quantscope bench', () => {
  const { at, run } = commandLine();

  it('times the shapes that the filter names, with the kernels that lie beside the bundle', async () => {
    const { code, stdout } = await run(['bench', '--filter', 'lstm 16', '--json']);
    assert.equal(code, 0);
    const { kernels, results } = JSON.parse(stdout);
    assert.match(kernels, /^wasm/);
    assert.deepEqual(
      results.map(({ name }: { name: string }) => name),
      ['LSTM 16'],
    );
    const [{ float, int8, ratio, multiplyAdds }] = results;
    assert.equal(multiplyAdds, 20 * 2 * 4 * 16 * 16);
    assert.ok(float.median > 0 && int8.median > 0 && ratio === float.median / int8.median);
  });

  it('works without the kernels, by the reference', async () => {
    for (const name of await readdir(at('.'))) if (/^kernels.*\.wasm$/.test(name)) await rm(at(name));
    const { stdout } = await run(['bench', '--filter', 'lstm 16', '--json']);
    assert.equal(JSON.parse(stdout).kernels, 'reference');
  });
});
