import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { DType } from '../../../src/core/dtype';
import { float8Values } from '../../../src/core/smallFloats';

describe('float8', () => {
  /** SHA-256 of torch.arange(256, dtype=torch.uint8).view(dtype).to(torch.float32), every NaN written as 0x7fc00000 (torch 2.13). */
  const truth: readonly [dtype: DType, sha256: string][] = [
    ['float8_e4m3fn', '422eccfaa21e72a6b26855bb10cdcfead6c1ce3262ecd813c99d8cbf9677f2e2'],
    ['float8_e5m2', '229a94c5f728edf2259da970a0e1dfb45cc1d69cce2b30e37659f3212ec4b8b9'],
    ['float8_e4m3fnuz', 'ac4866f772a7c08077713fde1fa54131d49c26339c885e971a24fc0fac6e33f4'],
    ['float8_e5m2fnuz', 'aac12d2730bf26ca53bfa107a7a6a8df192aba8cf58b971eec9126f83991e6d4'],
    ['float8_e8m0fnu', '2fb2732a956043772ccd2c1664ae5d2558c62f9c06780c04d95f1ff0050f2f2f'],
  ];
  for (const [dtype, sha256] of truth) {
    it(`${dtype}: all 256 patterns are PyTorch’s`, () => {
      const values = float8Values(dtype);
      assert.ok(values);
      const bits = new Uint32Array(values.slice().buffer);
      for (const [i, value] of values.entries()) if (Number.isNaN(value)) bits[i] = 0x7fc00000;
      assert.equal(createHash('sha256').update(bits).digest('hex'), sha256);
    });
  }

  it('other dtypes have no table', () => assert.equal(float8Values('int8'), undefined));
});
