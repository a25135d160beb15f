import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { quantizeWeight } from '../../../src/engine/quantization/quantizeWeight';
import type { TensorRecord } from '../../../src/formats/types';
import type { Model, ModelTensor } from '../../../src/model/openModel';
import { tensorImage, tensorValues } from '../../../src/model/tensorValues';
import type { Scheme } from '../../../src/protocol/dto';
import { gaussian } from '../../support/random';

const [rows, columns] = [700, 1500];

/** A matrix of several batches, and how many of its bytes were read. */
function matrix(values: Float32Array): { model: Model; bytesRead: () => number } {
  const record = { dtype: 'float32', shape: [rows, columns] } as unknown as TensorRecord;
  const numel = rows * columns;
  const shape = [rows, columns];
  const tensor: ModelTensor = { name: 'fc.weight', shape, dtype: 'float32', numel, bytes: 4 * numel, record };
  let bytes = 0;
  const readRange = async (_: TensorRecord, start: number, length: number) => {
    bytes += 4 * length;
    return new Uint8Array(values.slice(start, start + length).buffer);
  };
  const model = { fileName: 'a.pt', file: { readRange }, tensors: new Map([[tensor.name, tensor]]) };
  return { model: model as unknown as Model, bytesRead: () => bytes };
}

const page = (scheme: Scheme, row: number) =>
  ({ name: 'fc.weight', scheme, row, column: 1490, rows: 30, columns: 20 }) as const;

describe('pages of a large matrix', () => {
  const values = gaussian(31)(rows * columns);

  for (const scheme of ['per_tensor', 'per_channel'] as const) {
    it(`have the values, codes and scales of the whole, ${scheme}`, async () => {
      const { model } = matrix(values);
      const whole = quantizeWeight(values, rows, columns, scheme);
      const found = await tensorValues(model, page(scheme, 680), neverAborted);
      assert.deepEqual([found.rows, found.columns], [20, 10]);
      const places = Array.from({ length: 200 }, (_, i) => (680 + Math.floor(i / 10)) * columns + 1490 + (i % 10));
      assert.deepEqual(
        found.float,
        places.map((at) => values[at]),
      );
      assert.deepEqual(
        found.codes,
        places.map((at) => whole.codes[at]),
      );
      const scales = scheme === 'per_tensor' ? new Array(20).fill(whole.scales[0]) : [...whole.scales.slice(680)];
      assert.deepEqual(found.scales, scales);
    });
  }

  it('are read alone, once the scales are known', async () => {
    const { model, bytesRead } = matrix(values);
    await tensorValues(model, page('per_channel', 0), neverAborted);
    const before = bytesRead();
    await tensorValues(model, page('per_channel', 30), neverAborted);
    assert.ok(bytesRead() - before <= 4 * 30 * columns);
  });

  it('have no codes where a value is infinite, and the picture says so too', async () => {
    const { model } = matrix(values.map((value, i) => (i === 999_999 ? Number.NEGATIVE_INFINITY : value)));
    assert.equal((await tensorValues(model, page('per_channel', 0), neverAborted)).codes, null);
    for (const layer of ['float', 'int8'] as const) {
      const query = { name: 'fc.weight', scheme: 'per_channel', layer } as const;
      assert.equal((await tensorImage(model, query, neverAborted)).quantizable, false, layer);
    }
  });

  it('a picture of the codes is that of the whole’s codes', async () => {
    const { model } = matrix(values);
    const { codes } = quantizeWeight(values, rows, columns, 'per_channel');
    const query = { name: 'fc.weight', scheme: 'per_channel', layer: 'int8' } as const;
    const { largest, quantizable } = await tensorImage(model, query, neverAborted);
    assert.deepEqual([largest, quantizable], [codes.reduce((most, code) => Math.max(most, Math.abs(code)), 0), true]);
  });
});
