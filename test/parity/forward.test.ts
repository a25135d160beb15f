import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import type { DynamicModule, QuantizableModule } from '../../src/engine/nn/module';
import type { QuantizedEngine } from '../../src/engine/quantization/engines';
import { type FloatTensor, floatTensor } from '../../src/engine/tensor/tensor';
import { loadModule, readValues } from '../../src/model/loadModule';
import { findModule, findTensor, type Model } from '../../src/model/openModel';
import { expectedOf, type FixtureVersion } from '../support/fixtures';
import { fixtureVersions, openFixtureModel } from '../support/models';
import { type NpyArray, readNpzFixture } from '../support/npz';

const context = { kernels: selectKernels(), abort: neverAborted };

/** How a run treats the modules: float, one engine per tensor, or only Linear, per channel. */
interface Treatment {
  readonly engine: QuantizedEngine;
  readonly mode: 'float' | 'dynamic' | 'per_channel_linear';
}

async function moduleOf(
  model: Model,
  path: string,
  { engine, mode }: Treatment,
): Promise<QuantizableModule | DynamicModule> {
  const node = findModule(model, path);
  const float = await loadModule(model, node, neverAborted);
  if (mode === 'float' || (mode === 'per_channel_linear' && node.type !== 'Linear')) return float;
  return float.toDynamic(path, engine, mode === 'dynamic' ? 'per_tensor' : 'per_channel');
}

type Arrays = ReadonlyMap<string, NpyArray>;

function input(arrays: Arrays, index: number): FloatTensor {
  const array = arrays.get(`input.${index}`);
  assert.ok(array?.data instanceof Float32Array, `input.${index} is float32`);
  return floatTensor(array.data, array.shape);
}

/** The models' own forward functions; everything but the modules is done here by hand. */
const forwards: Readonly<Record<string, (model: Model, arrays: Arrays, how: Treatment) => Promise<FloatTensor[]>>> = {
  async recipe_lstm(model, arrays, how) {
    const lstm = await moduleOf(model, 'lstm', how);
    return lstm.forward([input(arrays, 0), input(arrays, 1), input(arrays, 2)], context);
  },
  async word_lm(model, arrays, how) {
    const ids = arrays.get('input.0');
    assert.ok(ids !== undefined);
    const table = findTensor(model, 'encoder.weight');
    const weight = await readValues(model, table, neverAborted);
    const width = table.shape[1];
    const embedded = new Float32Array(ids.data.length * width);
    for (const [i, id] of ids.data.entries()) {
      embedded.set(weight.subarray(Number(id) * width, (Number(id) + 1) * width), i * width);
    }
    const x = floatTensor(embedded, [...ids.shape, width]);
    const rnn = await moduleOf(model, 'rnn', how);
    const [output, hn, cn] = rnn.forward([x, input(arrays, 1), input(arrays, 2)], context);
    const decoder = await moduleOf(model, 'decoder', how);
    return [...decoder.forward([output], context), hn, cn];
  },
  async mlp(model, arrays, how) {
    const first = await moduleOf(model, '0', how);
    const [hidden] = first.forward([input(arrays, 0)], context);
    const relu = floatTensor(
      hidden.data.map((x) => Math.max(x, 0)),
      hidden.shape,
    );
    const second = await moduleOf(model, '2', how);
    return second.forward([relu], context);
  },
};

function assertClose(outputs: readonly FloatTensor[], arrays: Arrays, key: string, tolerance: number): void {
  for (const [i, { data, shape }] of outputs.entries()) {
    const expected = arrays.get(`${key}.${i}`);
    assert.ok(expected?.data instanceof Float32Array, `${key}.${i} is in the file`);
    assert.deepEqual(shape, expected.shape);
    let worst = 0;
    for (let at = 0; at < data.length; at++) worst = Math.max(worst, Math.abs(data[at] - expected.data[at]));
    assert.ok(worst <= tolerance, `${key}.${i}: largest difference ${worst}, allowed ${tolerance}`);
  }
  assert.ok(!arrays.has(`${key}.${outputs.length}`), 'every output is compared');
}

function treatment(key: string, version: FixtureVersion): Treatment {
  if (key === 'float') return { mode: 'float', engine: 'fbgemm' };
  if (key === 'per_channel_linear') {
    return { mode: 'per_channel_linear', engine: version === '1.13' ? 'onednn' : 'fbgemm' };
  }
  return { mode: 'dynamic', engine: key as QuantizedEngine };
}

describe('forward passes are PyTorch’s within 1e-6', () => {
  for (const version of fixtureVersions) {
    for (const [name, forward] of Object.entries(forwards)) {
      for (const key of ['float', ...Object.keys(expectedOf(version, name).quantized)]) {
        it(`torch ${version}, ${name}, ${key}`, async () => {
          const arrays = await readNpzFixture(`torch-${version}`, name);
          const model = await openFixtureModel(version, `${name}.pt`);
          assertClose(await forward(model, arrays, treatment(key, version)), arrays, key, 1e-6);
        });
      }
    }
  }

  it('fixtures hold what quantization changes: their engines differ from float', async () => {
    for (const version of fixtureVersions) {
      for (const name of Object.keys(forwards)) {
        const arrays = await readNpzFixture(`torch-${version}`, name);
        for (const engine of Object.keys(expectedOf(version, name).quantized)) {
          if (engine === 'per_channel_linear') continue;
          assert.notDeepEqual(
            arrays.get(`${engine}.0`)?.data,
            arrays.get('float.0')?.data,
            `${version} ${name} ${engine}`,
          );
        }
      }
    }
  });
});
