import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { joinChunks } from '../../../src/core/byteChunks';
import { bytesSource } from '../../../src/core/byteSource';
import { planTorchFile } from '../../../src/formats/torch/write';
import { tensorChunks } from '../../../src/model/export/tensorChunks';
import { findTensor, openModel } from '../../../src/model/openModel';

const mebibyte = 1024 * 1024;

describe('tensorChunks', () => {
  it('hands on a large tensor in pieces, and a small one whole', async () => {
    const large = new Float32Array(5 * mebibyte).map((_, i) => i);
    const data = async () => new Uint8Array(large.buffer);
    const small = { dtype: 'float32', shape: [4], data: async () => new Uint8Array(large.buffer, 0, 16) } as const;
    const items = [
      { kind: 'tensor', name: 'large', tensor: { dtype: 'float32', shape: [5, mebibyte], data } },
      { kind: 'tensor', name: 'small', tensor: small },
    ] as const;
    const plan = planTorchFile({ items, versions: [] }, { archiveName: 'm', style: '2', engine: 'fbgemm' });
    const model = await openModel(bytesSource(await joinChunks(plan.chunks()), 'm.pt'), neverAborted);
    const sizes: Record<string, number[]> = {};
    for (const name of ['large', 'small']) {
      const pieces: Uint8Array[] = [];
      for await (const piece of tensorChunks(model, findTensor(model, name), neverAborted)) pieces.push(piece.slice());
      sizes[name] = pieces.map(({ length }) => length / mebibyte);
      if (name === 'large') assert.equal(Buffer.compare(Buffer.concat(pieces), await data()), 0);
    }
    assert.deepEqual(sizes, { large: new Array(20 * 4).fill(1 / 4), small: [16 / mebibyte] });
  });
});
