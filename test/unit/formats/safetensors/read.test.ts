import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import { elementTypes } from '../../../../src/formats/safetensors/dtypes';
import { openBytes } from '../../../support/fixtures';
import { safetensors } from '../../../support/safetensorsBuilder';

describe('element types of safetensors', () => {
  for (const [name, { bits, dtype, unreadable }] of elementTypes) {
    it(`${name} is ${dtype}${unreadable === undefined ? '' : ', listed and not read'}`, async () => {
      const bytes = Uint8Array.from({ length: bits }, (_, i) => i);
      const file = await openBytes(safetensors({ w: { dtype: name, shape: [2, 4], data_offsets: [0, bits] } }, bytes));
      const [{ tensor }] = file.tensors;
      assert.deepEqual([tensor.dtype, tensor.shape, tensor.problem?.code], [dtype, [2, 4], unreadable && 'E_ST_DTYPE']);
      if (unreadable === undefined && bits >= 8) {
        assert.deepEqual(await file.readTensor(tensor, neverAborted), bytes);
      }
    });
  }

  it('F4: every pattern has its value, the lower half of a byte first', async () => {
    const packed = Uint8Array.of(0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe);
    const file = await openBytes(safetensors({ w: { dtype: 'F4', shape: [16], data_offsets: [0, 8] } }, packed));
    const [{ tensor }] = file.tensors;
    assert.deepEqual(tensor.encoding, { name: 'F4', bytes: 8 });
    const { buffer } = (await file.readTensor(tensor, neverAborted)).slice();
    const values = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
    assert.deepEqual([...new Float32Array(buffer)], [...values, ...values.map((value) => -value)]);
  });
});
