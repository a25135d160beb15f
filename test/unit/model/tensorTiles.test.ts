import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { aborted } from '../../../src/core/errors';
import type { ModelFile, TensorRecord } from '../../../src/formats/types';
import { describeValues } from '../../../src/model/describeValues';
import type { Model, ModelTensor } from '../../../src/model/openModel';
import { inMemory, streamed } from '../../../src/model/tensorTiles';

/** 72 MB of float32 that no memory holds: the value of an element follows from its index. */
const count = 18_000_001;
const element = (i: number) => ((i * 40_503) & 4095) / 64 - 32;

function largeModel(readRange: ModelFile['readRange']): { model: Model; tensor: ModelTensor } {
  const record = { dtype: 'float32', shape: [count] } as unknown as TensorRecord;
  const tensor: ModelTensor = { name: 'w', shape: [count], dtype: 'float32', numel: count, bytes: 4 * count, record };
  return { model: { fileName: 'large.pt', file: { readRange } } as unknown as Model, tensor };
}

async function range(_: TensorRecord, start: number, length: number): Promise<Uint8Array> {
  return new Uint8Array(Float32Array.from({ length }, (_, i) => element(start + i)).buffer);
}

describe('a tensor in tiles', () => {
  it('has the statistics of the whole, reads no more than 4 MB at once and counts its bytes', async function () {
    this.timeout(60_000);
    let largest = 0;
    let bytes = 0;
    const { model, tensor } = largeModel((record, start, length) => {
      largest = Math.max(largest, length);
      return range(record, start, length);
    });
    const source = streamed(model, tensor, neverAborted, (done) => {
      bytes = done;
    });
    assert.ok(source !== undefined);
    const stats = await describeValues(tensor, source, 64);
    const values = Float32Array.from({ length: count }, (_, i) => element(i));
    const whole = await describeValues(tensor, inMemory(values), 64);
    assert.ok(largest <= 1_048_576);
    assert.equal(bytes, 2 * tensor.bytes, 'two passes');
    const { mean, std, ...exact } = stats;
    const { mean: wholeMean, std: wholeStd, ...wholeExact } = whole;
    assert.deepEqual(exact, wholeExact);
    assert.ok(Math.abs(mean - wholeMean) < 1e-12 && Math.abs(std - wholeStd) < 1e-9);
  });

  it('stops at the next tile when it is cancelled', async () => {
    let reads = 0;
    const { model, tensor } = largeModel((record, start, length) => {
      reads++;
      return range(record, start, length);
    });
    const abort = {
      throwIfAborted() {
        if (reads >= 3) throw aborted();
      },
    };
    const source = streamed(model, tensor, abort, () => {});
    assert.ok(source !== undefined);
    await assert.rejects(describeValues(tensor, source, 8), { code: 'E_ABORTED' });
    assert.ok(reads <= 4);
  });

  it('is not streamed when its format reads whole tensors only', () => {
    const { model, tensor } = largeModel(undefined);
    assert.equal(
      streamed(model, tensor, neverAborted, () => {}),
      undefined,
    );
  });
});
