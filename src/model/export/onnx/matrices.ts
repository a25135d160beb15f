/** Matrices in the layouts that ONNX wants: PyTorch keeps [out, in], MatMul takes [in, out]. */

type Matrix = Float32Array | Int8Array | Uint8Array;

/** [rows, columns] to [columns, rows]. */
export function transposed<T extends Matrix>(values: T, rows: number, columns: number): T {
  const out = values.slice() as T;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column];
  return out;
}

/** ONNX orders the gates of an LSTM i, o, f, c and those of a GRU z, r, h; PyTorch i, f, g, o and r, z, n. */
const gateOrders = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2], RNN: [0] } as const;

export type GatedType = keyof typeof gateOrders;

/** Rows of a [gates · hidden, columns] matrix, or of a bias, in ONNX's order of gates. */
export function gatesReordered<T extends Matrix>(values: T, type: GatedType): T {
  const order = gateOrders[type];
  const block = values.length / order.length;
  const out = values.slice() as T;
  order.forEach((from, to) => {
    out.set(values.subarray(from * block, (from + 1) * block), to * block);
  });
  return out;
}

export function matrixBytes(values: Matrix): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Several arrays after each other, such as both directions of a layer, each made when its turn comes. */
export async function* stacked(
  names: readonly string[],
  make: (name: string) => Promise<Matrix>,
): AsyncIterable<Uint8Array> {
  for (const name of names) yield matrixBytes(await make(name));
}
