import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onnxCases, onnxDifferences } from '../support/onnxForwards';
import { describeWithTorch, runPython } from '../support/pythons';
import { root } from '../support/root';

describeWithTorch(
  'ONNX graphs give onnxruntime’s numbers of now, float and quantized by us',
  (python) => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'onnx-runtime-'));
      await runPython(python, join(root, 'test', 'fixtures', 'onnxRuntime', 'generate.py'), folder);
    });
    after(() => rm(folder, { recursive: true }));

    for (const name of onnxCases) {
      it(`${name}: within 1e-5`, async () => {
        const { float, int8 } = await onnxDifferences(folder, name, folder);
        assert.ok(float <= 1e-5, `float: ${float}`);
        assert.ok(int8 <= 1e-5, `int8: ${int8}`);
      });
    }
  },
  ['current'],
);
