import assert from 'node:assert/strict';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineClient } from '../../src/worker/enginePool';
import { buildBundles, temporaryFolder } from '../support/bundles';
import { exportRequest } from '../support/exports';
import { spec } from '../support/models';
import { askPython, describeWithTorch } from '../support/pythons';
import { seededRandom } from '../support/random';

/** 2.4 GB in float32; no layer is so large that it matters. */
const [layers, side] = [36, 4096];
const weightBytes = layers * side * side * 4;
const rows = 2;

interface Answer {
  readonly output: readonly number[];
  readonly outside: readonly string[];
  readonly difference: number;
}

describeWithTorch(
  `a model of ${(weightBytes / 1e9).toFixed(1)} GB as ONNX, through the engine's thread`,
  (python) => {
    let folder: string;
    let client: EngineClient;
    const at = (name: string) => join(folder, name);

    before(async function () {
      this.timeout(600_000);
      folder = await temporaryFolder();
      await buildBundles(folder, ['engineWorker']);
      await askPython(python, 'external_onnx.py', 'make', at('large.pt'), String(layers), String(side));
      client = new EngineClient(at('large.pt'), { workerPath: at('engineWorker.js') });
      await client.call('open', { path: '' });
    });
    after(async () => {
      client?.dispose();
      await rm(folder, { recursive: true, force: true });
    });

    async function exported(name: string, request: Parameters<typeof exportRequest>[1]): Promise<Answer> {
      const written = await client.call('exportModel', exportRequest(at(name), { format: 'onnx', ...request }));
      assert.ok(written.verified >= 2 * layers);
      const input = Array.from({ length: rows * side }, seededRandom(1));
      const jobs = [{ file: at(name), input: [[rows, side], input], torch: at('large.pt') }];
      await writeFile(at('jobs.json'), JSON.stringify(jobs));
      const [answer] = await askPython<Answer[]>(python, 'external_onnx.py', at('jobs.json'));
      assert.equal(answer.output.length, rows * side);
      return answer;
    }

    it('float: the data stands in a file of its own, and ONNX Runtime gives PyTorch’s outputs', async function () {
      this.timeout(600_000);
      const { outside, difference } = await exported('float.onnx', {});
      assert.equal(outside.length, 2 * layers);
      assert.ok((await stat(at('float.onnx.data'))).size > weightBytes);
      assert.ok((await stat(at('float.onnx'))).size < 100_000);
      assert.ok(difference < 1e-5, `${difference}`);
      await rm(at('float.onnx.data'));
    });

    it('int8: a quarter of it fits one file', async function () {
      this.timeout(600_000);
      const { outside, difference } = await exported('int8.onnx', { spec: spec() });
      assert.deepEqual(outside, []);
      assert.ok(difference < 0.05, `${difference}`);
      assert.ok(!(await readdir(folder)).includes('int8.onnx.data'));
    });
  },
  ['current'],
);
