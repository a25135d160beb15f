import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { noProgress } from '../../src/core/progress';
import { inspect, summarize } from '../../src/model/describeModel';
import { type Model, openModel } from '../../src/model/openModel';
import { tensorDetail, tensorStats } from '../../src/model/tensorDetail';
import { containers } from '../support/containers';
import { fixturePath } from '../support/fixtures';

async function open(path: string): Promise<Model> {
  return openModel(bytesSource(new Uint8Array(await readFile(path)), basename(path)), neverAborted);
}

async function sha256Of(model: Model, name: string): Promise<string> {
  const tensor = model.tensors.get(name);
  assert.ok(tensor, name);
  return createHash('sha256')
    .update(await model.file.readTensor(tensor.record, neverAborted))
    .digest('hex');
}

interface WeightTruth {
  readonly scheme: string;
  readonly scale?: number;
  readonly zero_point?: number;
  readonly int_repr_sha256: string;
}

describe('files that quantize_dynamic wrote are the modules that PyTorch prints', () => {
  for (const { label, path, kind, model: name, expected } of containers().filter((file) =>
    /quantized/.test(file.kind),
  )) {
    const [engine] = kind.split('.');
    const { weights, print } = expected.quantized[engine];

    it(`${label}: every int8 weight under its float name, with its scale and its bytes`, async () => {
      const model = await open(path);
      const truths = Object.entries(weights) as [string, WeightTruth][];
      const quantized = [...model.tensors.values()].filter(({ record }) => record.quantization !== undefined);
      assert.deepEqual(quantized.map((tensor) => tensor.name).sort(), truths.map(([weight]) => weight).sort());
      const { tensors } = await inspect(model, neverAborted);
      for (const [weight, { scale, zero_point, int_repr_sha256 }] of truths) {
        assert.equal(await sha256Of(model, weight), int_repr_sha256, weight);
        const stored = tensors.find((tensor) => tensor.name === weight)?.stored;
        assert.deepEqual([stored?.scales, stored?.zeroPoints], [[scale], [zero_point]], weight);
        assert.equal(stored?.qscheme, 'per_tensor_affine');
      }
      // Two layers of one width look like two directions.
      const equalLayers = name === 'word_lm' && kind.endsWith('quantized.pt');
      assert.deepEqual(
        model.file.warnings.map(({ code }) => code),
        equalLayers ? ['E_PT_AMBIGUOUS'] : [],
      );
    });

    it(`${label}: everything else is the float model's, under the float model's names`, async () => {
      const model = await open(path);
      for (const [tensor, { sha256, shape }] of Object.entries(expected.tensors)) {
        assert.deepEqual(model.tensors.get(tensor)?.shape, shape, tensor);
        if (!(tensor in weights)) assert.equal(await sha256Of(model, tensor), sha256, tensor);
      }
    });

    it(`${label}: prints the quantized modules as Python does`, async () => {
      const { repr } = summarize(await open(path));
      if (kind.endsWith('quantized_module.pt')) assert.equal(repr, print);
      // A state dict names neither its root nor dropout and batch_first.
      const lines = print.split('\n').filter((line) => /Quantized/.test(line));
      for (const line of lines) assert.ok(repr.includes(line.replace(/, (dropout|batch_first)=[^,)]*/g, '')), repr);
    });

    it(`${label}: the values are within half a step of the float ones`, async () => {
      const model = await open(path);
      for (const stats of await tensorStats(model, null, 8, neverAborted, noProgress)) {
        const float = expected.tensors[stats.name];
        if (stats.stored === null || float === undefined) continue;
        const [scale] = stats.stored.scales;
        assert.ok(Math.abs(stats.min - float.min) <= scale * 0.51, `${name} ${stats.name} min`);
        assert.ok(Math.abs(stats.max - float.max) <= scale * 0.51, `${name} ${stats.name} max`);
        assert.ok(Math.abs(stats.mean - float.mean) <= scale * 0.1, `${name} ${stats.name} mean`);
      }
    });
  }
});

describe('the recipe’s int8 weights', () => {
  it('keep the signs that PyTorch’s int_repr has', async () => {
    const model = await open(fixturePath('torch-2.13', 'recipe_lstm.fbgemm.quantized.pt'));
    const { tensors } = await inspect(model, neverAborted);
    const stored = (name: string) => tensors.find((tensor) => tensor.name === name)?.stored;
    assert.deepEqual(stored('lstm.weight_ih_l0')?.intRepr, [42, -27, -19, 35, 45, -46, 26, -128]);
    assert.deepEqual(stored('lstm.weight_hh_l0')?.intRepr, [-98, 97, 0, -90, 21, 121, 103, -33]);
  });

  it('are shown in detail as they are stored, not as int8 would make them', async () => {
    const model = await open(fixturePath('torch-2.13', 'recipe_lstm.fbgemm.quantized.pt'));
    const detail = await tensorDetail(
      model,
      { name: 'lstm.weight_ih_l0', scheme: 'per_tensor', bins: 16 },
      neverAborted,
    );
    assert.equal(detail.quantization, null);
    assert.equal(detail.stays, 'it is quantized already');
    assert.equal(detail.moduleType, 'DynamicQuantizedLSTM');
    assert.deepEqual(detail.stored?.codeRange, { min: -128, max: 127 });
    assert.equal(detail.min, -128 * Math.fround(detail.stored?.scales[0] ?? 0));
  });
});
