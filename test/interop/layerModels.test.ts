import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { RunnableModule } from '../../src/engine/nn/module';
import { loadPair } from '../../src/model/loadPair';
import { modelFrom, quantized, spec } from '../support/models';
import { type PackedTensor, unpack } from '../support/moduleCases';
import { askPython, describeWithTorch } from '../support/pythons';
import { worst } from '../support/twins';

interface SavedModel {
  readonly file: string;
  readonly input: PackedTensor;
  /** Float, then quantized. */
  readonly outputs: readonly [PackedTensor, PackedTensor];
  readonly printed: readonly [string, string];
}

describeWithTorch('models of PyTorch’s containers and layers: printed, float, int8 and the int8 file', (python) => {
  it('all of them, within 2e-6 of what PyTorch computes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quantscope-'));
    try {
      const engine = python.engines.includes('fbgemm') ? 'fbgemm' : 'qnnpack';
      const models = await askPython<Record<string, SavedModel>>(python, 'layer_models.py', folder, engine);
      assert.ok(Object.keys(models).length >= 9);
      for (const [name, { file, input, outputs, printed }] of Object.entries(models)) {
        const open = async (form: string) =>
          modelFrom(new Uint8Array(await readFile(join(folder, `${file}.${form}.pt`))), `${file}.pt`);
        const [float, int8] = [await open('float'), await open('int8')];
        const { repr } = await quantized(float, { engine });
        assert.deepEqual([repr.before, repr.after], printed, name);
        const pair = await loadPair(float, float.root, spec({ engine }), neverAborted);
        const stored = await loadPair(int8, int8.root, spec({ engine }), neverAborted);
        const differs = (module: RunnableModule, expected: PackedTensor) =>
          worst(module.forward([unpack(input)], { kernels: selectKernels(), abort: neverAborted }), [unpack(expected)]);
        for (const difference of [
          differs(pair.float, outputs[0]),
          differs(pair.quantized, outputs[1]),
          differs(stored.quantized, outputs[1]),
        ])
          assert.ok(difference <= 2e-6, `${name}: ${difference}`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
