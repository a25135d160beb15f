/** [rows, columns] to [columns, rows]. */
export function transposed(x: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = x[r * columns + c];
  return out;
}

/** [a, b, width] to [b, a, width]. */
export function swapAxes(data: Float32Array, a: number, b: number, width: number): Float32Array {
  const swapped = new Float32Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      const at = (i * b + j) * width;
      swapped.set(data.subarray(at, at + width), (j * a + i) * width);
    }
  }
  return swapped;
}
