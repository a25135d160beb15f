import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { noProgress } from '../../src/core/progress';
import { planOnnx } from '../../src/formats/onnx/write';
import { exportFiles } from '../../src/worker/exportFiles';
import { openFileSource } from '../../src/worker/fileSource';
import { verifyExport } from '../../src/worker/verifyExport';
import { temporaryFolder } from '../support/bundles';
import { askPython, describeWithTorch } from '../support/pythons';

/** test/large has one beyond the real limit of 2 GB. */
const limit = 20;

describeWithTorch(
  'an ONNX export whose data exceeds the limit of a message',
  (python) => {
    let folder: string;
    before(async () => {
      folder = await temporaryFolder();
    });
    after(() => rm(folder, { recursive: true, force: true }));

    it('is read by onnx and run by ONNX Runtime with the values of its second file', async () => {
      const floats =
        (...values: number[]) =>
        async () =>
          new Uint8Array(Float32Array.from(values).buffer);
      const node = (opType: string, inputs: string[], output: string) => ({
        name: output,
        opType,
        domain: '',
        inputs,
        outputs: [output],
        attributes: {},
      });
      const graph = {
        name: 'linear',
        nodes: [node('MatMul', ['x', 'weight'], 'product'), node('Add', ['product', 'bias'], 'y')],
        initializers: [
          { name: 'weight', dtype: 'float32' as const, shape: [2, 3], data: floats(1, 2, 3, 4, 5, 6) },
          { name: 'bias', dtype: 'float32' as const, shape: [3], data: floats(0.5, 0.25, 0.125) },
        ],
        inputs: [{ name: 'x', dtype: 'float32' as const, shape: ['rows', 2] }],
        outputs: [{ name: 'y', dtype: 'float32' as const, shape: ['rows', 3] }],
      };
      const model = { irVersion: 9, opsets: [{ domain: '', version: 20 }], graph, metadata: {} };
      const path = join(folder, 'model.onnx');
      const plan = { load: '', files: planOnnx(model, 'model.onnx', limit) };
      const written = await exportFiles(plan, path, join(folder, 'source'), false, neverAborted, noProgress);
      assert.deepEqual(
        written.map(({ name, bytes }) => [name, bytes > 4096]),
        [
          ['model.onnx', false],
          ['model.onnx.data', true],
        ],
      );
      assert.equal(await verifyExport(written, openFileSource, neverAborted), 2);
      const jobs = join(folder, 'jobs.json');
      await writeFile(
        jobs,
        JSON.stringify([
          {
            file: path,
            input: [
              [2, 2],
              [1, 0, 1, 1],
            ],
          },
        ]),
      );
      const [{ output, outside }] = await askPython<{ output: number[]; outside: string[] }[]>(
        python,
        'external_onnx.py',
        jobs,
      );
      assert.deepEqual(outside, ['weight', 'bias']);
      assert.deepEqual(output, [1.5, 2.25, 3.125, 5.5, 7.25, 9.125]);
    });
  },
  ['current'],
);
