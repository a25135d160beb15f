import assert from 'node:assert/strict';
import { tensorFromBytes, tensorOver, toFloat32 } from '../../../../src/engine/tensor/tensor';

describe('tensors over bytes', () => {
  const values = Float32Array.of(1, -2.5);
  /** The same eight bytes at an odd offset of a Buffer, whose slice() does not copy. */
  const unaligned = Buffer.concat([Buffer.from([0]), Buffer.from(values.buffer)]).subarray(1);

  for (const [name, make] of Object.entries({ tensorFromBytes, tensorOver })) {
    it(`${name} takes bytes at any offset, a Buffer's too`, () => {
      assert.deepEqual([...make(unaligned, 'float32', [2]).data], [1, -2.5]);
    });
  }

  it('S-14: any byte of a bool but 0 is true, in the elements and as a float, as PyTorch reads it', () => {
    const tensor = tensorOver(Uint8Array.of(0, 1, 2, 255), 'bool', [4]);
    assert.deepEqual([...tensor.data], [0, 1, 1, 1]);
    assert.deepEqual([...toFloat32(tensor)], [0, 1, 1, 1]);
  });

  it('tensorFromBytes holds a copy', () => {
    const bytes = new Uint8Array(values.slice().buffer);
    const { data } = tensorFromBytes(bytes, 'float32', [2]);
    bytes.fill(0);
    assert.deepEqual([...data], [1, -2.5]);
  });
});
