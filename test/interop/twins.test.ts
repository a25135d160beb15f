import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { halfWeight, widenHalf } from '../../src/engine/quantization/halfWeight';
import { readValues } from '../../src/model/loadModule';
import { findTensor } from '../../src/model/openModel';
import { fixturePath } from '../support/fixtures';
import { quantized } from '../support/models';
import { unpack } from '../support/moduleCases';
import { describeWithTorch, runPython } from '../support/pythons';
import { describeStoredState, engineOf, openTwin, runStored, tolerance, twinSets, worst } from '../support/twins';

describeWithTorch('modules that quantize_dynamic writes now, half precision and tables too', (python) => {
  const version = python.torch.split('.').slice(0, 2).join('.');
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quantscope-'));
    await runPython(python, fixturePath('twins', 'generate.py'), folder, '20250719');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const set of python.engines.includes('fbgemm')
    ? ['fused', 'products', 'tables', 'halves']
    : ['fused', 'products']) {
    it(`${set}: every module of the files, on every engine`, async () => {
      const { inputs, outputs } = twinSets(version, folder)[set];
      let compared = 0;
      for (const form of ['module', 'state'] as const) {
        const model = await openTwin(set, version, form, folder);
        for (const [engine, expected] of Object.entries(outputs)) {
          for (const [path, given] of Object.entries(inputs)) {
            const told = describeStoredState(form, set, path);
            if (told === undefined) continue;
            const arithmetic = engineOf(engine, version);
            const actual = await runStored(model, path, arithmetic, given.map(unpack).map(told.input));
            const [first, ...states] = expected[path].map(unpack);
            const largest = worst(actual, [told.output(first), ...states]);
            assert.ok(largest <= tolerance(set, path, version), `${form}, ${engine}, ${path}: ${largest}`);
            compared++;
          }
        }
      }
      assert.ok(compared > 4);
    });
  }

  it('float16 of the float file: the weights that PyTorch stored, and its text', async function () {
    if (!python.engines.includes('fbgemm')) this.skip();
    const float = await openTwin('halves', version, 'float.module', folder);
    const { print } = twinSets(version, folder).halves;
    const types = ['Linear', 'LSTM', 'GRU', 'LSTMCell', 'GRUCell', 'RNNCell', 'LinearReLU'];
    const { repr, modules } = await quantized(float, { dtype: 'float16', modules: types });
    assert.equal(repr.after, print);
    assert.equal(modules.length, 8);
    const theirs = await openTwin('halves', version, 'state', folder);
    let compared = 0;
    for (const tensor of theirs.tensors.values()) {
      if (!/weight/.test(tensor.name)) continue;
      const source = findTensor(float, tensor.name.replace('pair.weight', 'pair.0.weight'));
      const half = halfWeight('weight', await readValues(float, source, neverAborted), source.shape);
      assert.deepEqual(await readValues(theirs, tensor, neverAborted), widenHalf(half), tensor.name);
      compared++;
    }
    assert.equal(compared, 19);
  });
});
