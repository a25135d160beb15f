import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { MatrixImage, matrixImage } from '../../../src/model/matrixImage';
import { gaussian } from '../../support/random';

/** Cell by cell, as the definition says. */
function pooled(values: Float32Array, rows: number, columns: number): number[] {
  const [height, width] = [Math.min(rows, 256), Math.min(columns, 256)];
  const cells = new Array<number>(height * width).fill(0);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const cell = Math.floor((r * height) / rows) * width + Math.floor((c * width) / columns);
      const value = values[r * columns + c];
      if (Number.isFinite(value) && Math.abs(value) > Math.abs(cells[cell])) cells[cell] = value;
    }
  }
  return cells;
}

describe('a matrix as an image', () => {
  const random = gaussian(21);
  for (const [rows, columns] of [
    [1, 1],
    [1, 100_000],
    [100_000, 1],
    [3, 257],
    [257, 3],
    [255, 256],
    [300, 511],
    [513, 1000],
  ]) {
    it(`of ${rows} × ${columns}: every cell is its value of largest magnitude, whatever parts the values come in`, () => {
      const values = random(rows * columns).map((value, i) => (i % 1001 === 1000 ? Number.NaN : value));
      const expected = pooled(values, rows, columns);
      const whole = matrixImage(values, rows, columns, neverAborted);
      assert.deepEqual(whole.cells, expected);
      assert.equal(whole.largest, Math.max(...expected.map(Math.abs)));
      const parts = new MatrixImage(rows, columns);
      for (let at = 0; at < values.length; at += 997) parts.add(values.subarray(at, at + 997));
      assert.deepEqual(parts.result(), whole);
      assert.equal(parts.isFinite, values.length < 1001);
    });
  }

  it('of no values has no cells', () => {
    assert.deepEqual(matrixImage(new Float32Array(0), 0, 5, neverAborted).cells, []);
    assert.deepEqual(matrixImage(new Float32Array(0), 5, 0, neverAborted).cells, []);
  });
});
