import assert from 'node:assert/strict';
import { contiguousStrides, formatShape, isContiguous, numel } from '../../../src/core/shape';

describe('shapes', () => {
  const table: readonly [shape: readonly number[], count: number, strides: readonly number[], text: string][] = [
    [[], 1, [], 'scalar'],
    [[5], 5, [1], '5'],
    [[200, 64], 12_800, [64, 1], '200 × 64'],
    [[2, 3, 4], 24, [12, 4, 1], '2 × 3 × 4'],
    [[2, 0, 3], 0, [3, 3, 1], '2 × 0 × 3'],
  ];
  for (const [shape, count, strides, text] of table) {
    it(`[${shape.join(', ')}]: ${count} elements, strides [${strides.join(', ')}], written ${text}`, () => {
      assert.equal(numel(shape), count);
      assert.deepEqual(contiguousStrides(shape), strides);
      assert.ok(isContiguous(shape, strides));
      assert.equal(formatShape(shape), text);
    });
  }

  it('a transposed view is not contiguous', () => {
    assert.equal(isContiguous([3, 2], [1, 3]), false);
  });

  it('sizes of 1 may have any stride, and a tensor without elements is always contiguous', () => {
    assert.ok(isContiguous([3, 1, 2], [2, 99, 1]));
    assert.ok(isContiguous([3, 0], [7, 7]));
  });
});
