import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import { dequantizeWeight, type QuantizedWeight, quantizeWeight } from '../engine/quantization/quantizeWeight';
import type { Scheme } from '../protocol/dto';
import type { TensorImageDto, TensorImageQueryDto, ValuesPageDto, ValuesQueryDto } from '../protocol/tensorDto';
import { readValues } from './loadModule';
import { findTensor, type Model, type ModelTensor } from './openModel';
import { isQuantizedWeight } from './quantizePlan';

/** Cells of a heatmap along one side; a larger matrix is pooled. */
const maxCells = 256;

/** Cells of one page of values. */
const maxPageCells = 10_000;

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
  /** Where the matrix can be quantized. */
  readonly quantized: QuantizedWeight | undefined;
}

/** The tensor as a matrix: its last axis are the columns, a vector is one row. */
async function matrixOf(model: Model, tensor: ModelTensor, scheme: Scheme, abort: AbortCheck): Promise<Matrix> {
  const values = await readValues(model, tensor, abort);
  const columns = tensor.shape.at(-1) ?? 1;
  const rows = columns === 0 ? 0 : values.length / columns;
  const quantizable = tensor.shape.length === 2 && isQuantizedWeight(tensor.name) && values.every(Number.isFinite);
  return { rows, columns, values, quantized: quantizable ? quantizeWeight(values, rows, columns, scheme) : undefined };
}

/** A page of the matrix: float values, and their codes and what these stand for where it can be quantized. */
export async function tensorValues(
  model: Model,
  { name, scheme, row, column, rows, columns }: ValuesQueryDto,
  abort: AbortCheck,
): Promise<ValuesPageDto> {
  if (rows * columns > maxPageCells) {
    throw invalid('E_PAGE_LIMIT', `A page of ${rows} × ${columns} values is larger than ${maxPageCells}.`);
  }
  const matrix = await matrixOf(model, findTensor(model, name), scheme, abort);
  const lastRow = Math.min(matrix.rows, row + rows);
  const lastColumn = Math.min(matrix.columns, column + columns);
  const float: number[] = [];
  const codes: number[] = [];
  const scales: number[] = [];
  for (let r = row; r < lastRow; r++) {
    for (let c = column; c < lastColumn; c++) {
      float.push(matrix.values[r * matrix.columns + c]);
      if (matrix.quantized !== undefined) codes.push(matrix.quantized.codes[r * matrix.columns + c]);
    }
    if (matrix.quantized !== undefined) scales.push(matrix.quantized.scales[scheme === 'per_tensor' ? 0 : r]);
  }
  return {
    totalRows: matrix.rows,
    totalColumns: matrix.columns,
    row,
    column,
    rows: Math.max(0, lastRow - row),
    columns: Math.max(0, lastColumn - column),
    float,
    codes: matrix.quantized === undefined ? null : codes,
    scales: matrix.quantized === undefined ? null : scales,
  };
}

/** The matrix as at most 256 × 256 cells. A pooled cell shows its value of largest magnitude, so that no outlier is lost. */
export async function tensorImage(
  model: Model,
  { name, scheme, layer }: TensorImageQueryDto,
  abort: AbortCheck,
): Promise<TensorImageDto> {
  const matrix = await matrixOf(model, findTensor(model, name), scheme, abort);
  return {
    ...matrixImage(layerValues(matrix, layer), matrix.rows, matrix.columns, abort),
    quantizable: matrix.quantized !== undefined,
  };
}

/** A matrix as at most 256 × 256 cells; a pooled cell holds its value of largest magnitude. */
export function matrixImage(
  shown: ArrayLike<number>,
  rows: number,
  columns: number,
  abort: AbortCheck,
): Omit<TensorImageDto, 'quantizable'> {
  const height = Math.min(rows, maxCells);
  const width = Math.min(columns, maxCells);
  const cells = new Array<number>(height * width).fill(0);
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    if ((r & 255) === 0) abort.throwIfAborted();
    const y = Math.floor((r * height) / rows);
    for (let c = 0; c < columns; c++) {
      const value = shown[r * columns + c];
      const cell = y * width + Math.floor((c * width) / columns);
      if (Number.isFinite(value) && Math.abs(value) > Math.abs(cells[cell])) cells[cell] = value;
      if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
    }
  }
  return { rows, columns, height, width, cells, largest };
}

function layerValues({ values, quantized }: Matrix, layer: TensorImageQueryDto['layer']): ArrayLike<number> {
  if (layer === 'float' || quantized === undefined) return values;
  if (layer === 'int8') return quantized.codes;
  const restored = dequantizeWeight(quantized);
  return restored.map((value, i) => value - values[i]);
}
