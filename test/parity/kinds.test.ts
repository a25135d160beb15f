import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { neverAborted } from '../../src/core/abort';
import { bytesSource } from '../../src/core/byteSource';
import { summarize } from '../../src/model/describeModel';
import { readValues } from '../../src/model/loadModule';
import { type Model, openModel } from '../../src/model/openModel';
import { storedQuantization } from '../../src/model/quantizedTensor';
import { fixturePath, readFixture } from '../support/fixtures';

async function open(name: string): Promise<Model> {
  return openModel(bytesSource(await readFixture('kinds', name), name), neverAborted);
}

async function valuesOf(model: Model, name: string): Promise<number[]> {
  const tensor = model.tensors.get(name);
  assert.ok(tensor, name);
  return [...(await readValues(model, tensor, neverAborted))];
}

/** Every tensor that stands beside `NAME_float`, the float32 tensor that PyTorch made of it. */
function pairs(file: string): string[] {
  const bytes = readFileSync(fixturePath('kinds', file)).toString('latin1');
  // BINUNICODE: the length in four bytes, then the text.
  const texts = [...bytes.matchAll(/X(.)\0\0\0/gs)].map((found) => {
    const start = found.index + found[0].length;
    return bytes.slice(start, start + found[1].charCodeAt(0));
  });
  return texts.filter((text) => /^\w+_float$/.test(text)).map((text) => text.slice(0, -'_float'.length));
}

describe('every element type and kind of tensor has the values that PyTorch gives it', () => {
  for (const [file, least] of [
    ['dtypes.pt', 20],
    ['kinds.pt', 8],
  ] as const) {
    const names = pairs(file);

    it(`${file} holds at least ${least} of them`, () => assert.ok(names.length >= least, names.join()));

    for (const name of names) {
      it(`${file}: ${name}`, async () => {
        const model = await open(file);
        assert.deepEqual(await valuesOf(model, name), await valuesOf(model, `${name}_float`));
      });
    }
  }

  it('kinds.pt: nothing else is wrong with it', async () => {
    const { file } = await open('kinds.pt');
    assert.deepEqual(
      file.warnings.map(({ code }) => code),
      ['E_PT_META'],
    );
    assert.equal(file.safety.verdict, 'safe');
    assert.deepEqual(file.opaque, []);
  });
});

describe('sparse and nested tensors are shown as their parts', () => {
  const cases = [
    { name: 'coo', shape: '[2, 3]', parts: { indices: [0, 1, 1, 2, 0, 2], values: [3, 4, 5] } },
    { name: 'csr', shape: '[2, 3]', parts: { crow_indices: [0, 1, 3], col_indices: [1, 0, 2], values: [1, 2, 3] } },
    { name: 'csc', shape: '[2, 3]', parts: { ccol_indices: [0, 1, 2, 3], row_indices: [1, 0, 0], values: [1, 2, 3] } },
    {
      name: 'bsr',
      shape: '[4, 4]',
      parts: { crow_indices: [0, 1, 2], col_indices: [0, 1], values: [0, 1, 2, 3, 4, 5, 6, 7] },
    },
    {
      name: 'bsc',
      shape: '[4, 4]',
      parts: { ccol_indices: [0, 1, 2], row_indices: [0, 1], values: [0, 1, 2, 3, 4, 5, 6, 7] },
    },
    { name: 'nested', shape: '', parts: { buffer: [1, 1, 1, 1, 1, 1, 0, 0, 0], sizes: [2, 3, 1, 3], offsets: [0, 6] } },
  ];
  for (const { name, shape, parts } of cases) {
    it(name, async () => {
      const model = await open('kinds.pt');
      for (const [part, values] of Object.entries(parts)) {
        assert.deepEqual(await valuesOf(model, `${name}.${part}`), values, part);
      }
      if (shape !== '') assert.equal(model.file.metadata[name], `sparse_${name} tensor of shape ${shape}`);
    });
  }
});

describe('quantized modules of every kind', () => {
  for (const name of ['cells', 'bag4', 'half']) {
    it(`${name}.module.pt prints as Python does`, async () => {
      const printed = readFileSync(fixturePath('kinds', `${name}.print.txt`), 'utf8');
      assert.equal(summarize(await open(`${name}.module.pt`)).repr.replace(/^cells\b/, 'Cells'), printed);
    });

    it(`${name}.state.pt has the same tensors as the module`, async () => {
      const state = await open(`${name}.state.pt`);
      const module = await open(`${name}.module.pt`);
      const own = [...state.tensors.keys()].filter((tensor) => !/\.(scale|zero_point)$/.test(tensor));
      assert.deepEqual(own.sort(), [...module.tensors.keys()].sort());
      for (const tensor of own) assert.deepEqual(await valuesOf(state, tensor), await valuesOf(module, tensor), tensor);
    });
  }

  it('one scale a row, and zero points that are no whole numbers', async () => {
    const model = await open('cells.state.pt');
    const linear = await storedQuantization(model, model.tensors.get('linear.weight')!.record, neverAborted);
    assert.deepEqual([linear?.qscheme, linear?.axis, linear?.scales.length], ['per_channel_affine', 0, 3]);
    assert.deepEqual(linear?.zeroPoints, [0, 0, 0]);
    const embedding = await storedQuantization(model, model.tensors.get('emb.weight')!.record, neverAborted);
    assert.deepEqual([embedding?.qscheme, embedding?.scales.length], ['per_channel_affine_float_qparams', 10]);
    assert.ok(embedding?.zeroPoints.some((zeroPoint) => !Number.isInteger(zeroPoint)));
  });
});
