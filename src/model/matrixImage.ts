import type { AbortCheck } from '../core/abort';
import type { TensorImageDto } from '../protocol/tensorDto';

/** Cells of a heatmap along one side; a larger matrix is pooled. */
const maxCells = 256;

/** Values between two looks at the abort flag. */
const abortEvery = 1_048_576;

/**
 * A matrix as at most 256 × 256 cells, from its values in order. A pooled cell holds its value of largest magnitude,
 * so that no outlier is lost.
 */
export class MatrixImage {
  /** Whether all values so far are numbers below infinity. */
  isFinite = true;
  private readonly height: number;
  private readonly width: number;
  private readonly cells: number[];
  private seen = 0;

  constructor(
    private readonly rows: number,
    private readonly columns: number,
  ) {
    this.height = Math.min(rows, maxCells);
    this.width = Math.min(columns, maxCells);
    this.cells = new Array<number>(this.height * this.width).fill(0);
  }

  add(values: ArrayLike<number>): void {
    const { rows, columns, height, width } = this;
    for (let at = 0; at < values.length; ) {
      const column = this.seen % columns;
      const y = Math.floor((((this.seen - column) / columns) * height) / rows);
      const x = Math.floor((column * width) / columns);
      // Columns of one cell, which the next begins after.
      const next = Math.ceil(((x + 1) * columns) / width);
      const end = Math.min(values.length, at + next - column);
      this.pool(y * width + x, values, at, end);
      this.seen += end - at;
      at = end;
    }
  }

  private pool(cell: number, values: ArrayLike<number>, from: number, to: number): void {
    let best = this.cells[cell];
    for (let i = from; i < to; i++) {
      const value = values[i];
      if (!Number.isFinite(value)) this.isFinite = false;
      else if (Math.abs(value) > Math.abs(best)) best = value;
    }
    this.cells[cell] = best;
  }

  result(): Omit<TensorImageDto, 'quantizable'> {
    const { rows, columns, height, width, cells } = this;
    return { rows, columns, height, width, cells, largest: cells.reduce((most, x) => Math.max(most, Math.abs(x)), 0) };
  }
}

/** The image of a matrix in memory. */
export function matrixImage(
  shown: Float32Array,
  rows: number,
  columns: number,
  abort: AbortCheck,
): Omit<TensorImageDto, 'quantizable'> {
  const image = new MatrixImage(rows, columns);
  for (let at = 0; at < shown.length; at += abortEvery) {
    abort.throwIfAborted();
    image.add(shown.subarray(at, at + abortEvery));
  }
  return image.result();
}
