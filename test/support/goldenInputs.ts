import { roundHalfEven } from '../../src/core/fma';
import type { Generator } from '../../src/engine/random/generator';

/** The inputs of test/fixtures/goldens.py, drawn again: the same calls in the same order. */

const f = Math.fround;

/** A row-major matrix. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Normal values times 2^e, with an e in [low, high) for each row. */
export function scaled(
  generator: Generator,
  rows: number,
  columns: number,
  [low, high]: readonly [number, number],
): Matrix {
  const { data } = generator.randn([rows, columns]);
  const exponents = generator.randint(low, high, rows);
  for (let i = 0; i < data.length; i++) data[i] *= 2 ** exponents[Math.floor(i / columns)];
  return { data, rows, columns };
}

/** `random_weight`: of every magnitude; some one-sided, some on a grid whose halves are ties, some with a zero row. */
export function randomWeight(generator: Generator, i: number): Matrix {
  const [rows, columns] = generator.randint(1, 64, 2);
  const weight = scaled(generator, rows, columns, i % 3 !== 0 ? [-20, 12] : [-2, 3]);
  const { data } = weight;
  if (i % 5 === 1) for (const [at, value] of data.entries()) data[at] = Math.abs(value);
  if (i % 7 === 2) {
    for (const [at, value] of data.entries()) data[at] = roundHalfEven(f(value * 4)) / 4;
    data[0] = 63.75;
  }
  if (i % 11 === 3) {
    const row = Math.floor(rows / 2);
    data.fill(0, row * columns, (row + 1) * columns);
  }
  return weight;
}

/** The first column once more at the end, where the width is odd. */
export function evenWidth(weight: Matrix): Matrix {
  const { data, rows, columns } = weight;
  if (columns % 2 === 0) return weight;
  const wider = new Float32Array(rows * (columns + 1));
  for (let row = 0; row < rows; row++) {
    wider.set(data.subarray(row * columns, (row + 1) * columns), row * (columns + 1));
    wider[row * (columns + 1) + columns] = data[row * columns];
  }
  return { data: wider, rows, columns: columns + 1 };
}

/** `linear_input`: every fourth lies on halves of its own scale, where rounding is a tie. */
export function linearInput(generator: Generator, i: number, rows: number, columns: number): Float32Array {
  if (i % 4 === 0) {
    const [low, high] = i % 8 === 0 ? [-63, 64] : [-127, 128];
    const x = Float32Array.from(generator.randint(2 * low, 2 * high, rows * columns), (value) => value / 2);
    x[0] = low;
    x[x.length - 1] = high;
    return x;
  }
  const { data } = scaled(generator, rows, columns, [-6, 8]);
  if (i % 4 === 1) for (const [at, value] of data.entries()) data[at] = value + 3;
  return data;
}
