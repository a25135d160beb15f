import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import type { Value } from '../../src/engine/forward/values/values';
import { summarize } from '../../src/model/describeModel';

import { type Model, openModel } from '../../src/model/openModel';
import { bundle } from '../../src/model/preparedProgram';
import { planSwaps } from '../../src/model/programSwaps';
import { checkWeights } from '../support/checkWeights';
import { corpusNames, largestDifference, treatmentOf } from '../support/corpusForwards';
import { type Expected, fixturePath } from '../support/fixtures';
import { spec } from '../support/models';
import { readNpz } from '../support/npz';
import { openScriptModel, largestDifference as programDifference, run, tensorValue } from '../support/programs';
import { describeWithTorch, runPython } from '../support/pythons';

/** Files that hold a case's float model whole, bit for bit. */
const floatFiles = ['.pt', '.legacy.pth', '.module.pt', '.script.pt', '.trace.pt', '.safetensors'];

const engineNames = ['fbgemm', 'onednn', 'qnnpack'] as const;

describeWithTorch('every file and number of a corpus made now', (python) => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-corpus-'));
    await runPython(python, fixturePath('generate.py'), '--all', '--out', folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const open = async (file: string): Promise<Model> => {
    const bytes = new Uint8Array(await readFile(join(folder, file)));
    return openModel(bytesSource(bytes, file), neverAborted);
  };
  const truthOf = async (name: string): Promise<Expected> =>
    JSON.parse(await readFile(join(folder, `${name}.expected.json`), 'utf8')) as Expected;

  for (const name of corpusNames) {
    it(`${name}: tensors have their bytes in every container`, async () => {
      const { tensors } = await truthOf(name);
      const files = floatFiles.map((suffix) => name + suffix).filter((file) => existsSync(join(folder, file)));
      assert.ok(files.length >= 5, files.join());
      for (const file of files) {
        const model = await open(file);
        for (const [tensor, { sha256 }] of Object.entries(tensors)) {
          const found = model.tensors.get(tensor) ?? assert.fail(`${file} has no ${tensor}`);
          const bytes = await model.file.readTensor(found.record, neverAborted);
          assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256, `${file}: ${tensor}`);
        }
      }
    });

    it(`${name}: print(model) before and after, and every int8 weight`, async () => {
      const expected = await truthOf(name);
      const model = await open(`${name}.module.pt`);
      assert.equal(summarize(model).repr, expected.print_float);
      for (const [key, { print }] of Object.entries(expected.quantized)) {
        const repr = await checkWeights(model, expected, key);
        if (print !== undefined) assert.equal(repr, print, key);
      }
    });

    it(`${name}: print(model) of what quantize_dynamic wrote`, async () => {
      const { quantized } = await truthOf(name);
      for (const engine of python.engines) {
        const { repr } = summarize(await open(`${name}.${engine}.quantized_module.pt`));
        assert.equal(repr, quantized[engine].print, engine);
      }
    });

    it(`${name}: its own TorchScript code, float within 1e-5, int8 of every engine within 1e-4`, async () => {
      const arrays = await readNpz(join(folder, `${name}.npz`));
      const archives = ['script', 'trace'].map((kind) => `${name}.${kind}.pt`);
      const found = archives.filter((file) => existsSync(join(folder, file)));
      assert.ok(found.length > 0, archives.join());
      const inputs: Value[] = [];
      for (let one = arrays.get('input.0'); one !== undefined; one = arrays.get(`input.${inputs.length}`))
        inputs.push(tensorValue(one));
      for (const file of found) {
        const { model, program } = await openScriptModel(join(folder, file));
        const args = bundle(program, inputs);
        assert.ok(programDifference(run(program, args).outputs, arrays, 'float') <= 1e-5, file);
        for (const engine of engineNames.filter((one) => arrays.has(`${one}.0`))) {
          const swaps = planSwaps(model, spec({ engine }));
          assert.ok(swaps.size > 0);
          const { outputs } = run(program, args, { swaps, engine });
          assert.ok(programDifference(outputs, arrays, engine) <= 1e-4, `${file}, ${engine}`);
        }
      }
    });

    for (const key of ['float', ...python.engines, 'per_channel_linear']) {
      it(`${name}, ${key}: outputs within 1e-6`, async () => {
        const arrays = await readNpz(join(folder, `${name}.npz`));
        const how = treatmentOf(key, python.engines);
        const worst = await largestDifference(name, await open(`${name}.pt`), arrays, key, how);
        assert.ok(worst <= 1e-6, `largest difference ${worst}`);
      });
    }
  }
});
