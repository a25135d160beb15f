import type { AbortCheck } from '../core/abort';
import { invalid } from '../core/errors';
import { quantizeValues } from '../engine/quantization/quantizeWeight';
import { dequantizeTile, quantizeTile } from '../engine/quantization/weightTiles';
import type { Scheme } from '../protocol/dto';
import type { TensorImageDto, TensorImageQueryDto, ValuesPageDto, ValuesQueryDto } from '../protocol/tensorDto';
import { MatrixImage } from './matrixImage';
import { findTensor, type Model, type ModelTensor } from './openModel';
import { isQuantizedWeight } from './quantizePlan';
import { observed, type ValueTiles } from './tensorTiles';
import { valueSource } from './valueSource';

/** Cells of one page of values. */
const maxPageCells = 10_000;

/** A page of more values, with those beside it, is read row by row. */
const maxRunLength = 262_144;

/** The tensor as a matrix: its last axis are the columns, a vector is one row. */
interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: ValueTiles;
}

async function matrixOf(model: Model, tensor: ModelTensor, abort: AbortCheck): Promise<Matrix> {
  const values = await valueSource(model, tensor, abort);
  const columns = tensor.shape.at(-1) ?? 1;
  return { rows: columns === 0 ? 0 : values.count / columns, columns, values };
}

function isMatrixWeight({ name, shape }: ModelTensor): boolean {
  return shape.length === 2 && isQuantizedWeight(name);
}

/** The scales that were chosen last: a page asks for them after the page before. */
const chosen = new WeakMap<Model, { readonly key: string; readonly scales: Float64Array | undefined }>();

/** One scale, or one a row; undefined where the matrix cannot be quantized. The first time, all values are observed. */
async function scalesOf(
  model: Model,
  tensor: ModelTensor,
  { values, columns }: Matrix,
  scheme: Scheme,
): Promise<Float64Array | undefined> {
  if (!isMatrixWeight(tensor)) return undefined;
  const key = `${scheme} ${tensor.name}`;
  const known = chosen.get(model);
  if (known?.key === key) return known.scales;
  const observer = await observed(values, channelLengthOf(scheme, values.count, columns));
  const scales = observer.isFinite ? observer.scales() : undefined;
  chosen.set(model, { key, scales });
  return scales;
}

/** At least 1, for a matrix without values. */
function channelLengthOf(scheme: Scheme, count: number, columns: number): number {
  return Math.max(scheme === 'per_tensor' ? count : columns, 1);
}

/**
 * A page of the matrix: float values, and their codes and what these stand for where it can be quantized. Only its
 * rows are read, once the scales are known.
 */
export async function tensorValues(
  model: Model,
  { name, scheme, row, column, rows, columns }: ValuesQueryDto,
  abort: AbortCheck,
): Promise<ValuesPageDto> {
  if (rows * columns > maxPageCells) {
    throw invalid('E_PAGE_LIMIT', `A page of ${rows} × ${columns} values is larger than ${maxPageCells}.`);
  }
  const tensor = findTensor(model, name);
  const matrix = await matrixOf(model, tensor, abort);
  const scales = await scalesOf(model, tensor, matrix, scheme);
  const height = Math.max(0, Math.min(matrix.rows, row + rows) - row);
  const width = Math.max(0, Math.min(matrix.columns, column + columns) - column);
  const float: number[] = [];
  const codes: number[] = [];
  const rowScales: number[] = [];
  for await (const values of rowsOf(matrix, row, height, column, width)) {
    float.push(...values);
    if (scales === undefined) continue;
    const scale = scales[scheme === 'per_tensor' ? 0 : row + rowScales.length];
    const rowCodes = new Int8Array(width);
    quantizeValues(values, scale, rowCodes, 0, width);
    codes.push(...rowCodes);
    rowScales.push(scale);
  }
  return {
    totalRows: matrix.rows,
    totalColumns: matrix.columns,
    row,
    column,
    rows: height,
    columns: width,
    float,
    codes: scales === undefined ? null : codes,
    scales: scales === undefined ? null : rowScales,
  };
}

/** `width` values of `height` rows one after the other. */
async function* rowsOf(
  { values, columns }: Matrix,
  row: number,
  height: number,
  column: number,
  width: number,
): AsyncIterable<Float32Array> {
  if (height === 0 || width === 0) {
    for (let i = 0; i < height; i++) yield new Float32Array(0);
    return;
  }
  const start = row * columns + column;
  const length = (height - 1) * columns + width;
  const run = length <= maxRunLength ? await values.range(start, length) : undefined;
  for (let i = 0; i < height; i++) {
    yield run?.subarray(i * columns, i * columns + width) ?? (await values.range(start + i * columns, width));
  }
}

/** The matrix as at most 256 × 256 cells. */
export async function tensorImage(
  model: Model,
  { name, scheme, layer }: TensorImageQueryDto,
  abort: AbortCheck,
): Promise<TensorImageDto> {
  const tensor = findTensor(model, name);
  const matrix = await matrixOf(model, tensor, abort);
  const scales = layer === 'float' ? undefined : await scalesOf(model, tensor, matrix, scheme);
  const channelLength = channelLengthOf(scheme, matrix.values.count, matrix.columns);
  const image = new MatrixImage(matrix.rows, matrix.columns);
  let start = 0;
  for await (const tile of matrix.values.tiles()) {
    abort.throwIfAborted();
    image.add(scales === undefined ? tile : layerOf(layer, tile, start, scales, channelLength));
    start += tile.length;
  }
  const isSound = scales !== undefined || (layer === 'float' && image.isFinite);
  return { ...image.result(), quantizable: isMatrixWeight(tensor) && isSound };
}

/** The codes, or what the values that they stand for differ by. */
function layerOf(
  layer: TensorImageQueryDto['layer'],
  tile: Float32Array,
  start: number,
  scales: Float64Array,
  channelLength: number,
): ArrayLike<number> {
  const codes = new Int8Array(tile.length);
  quantizeTile(tile, start, scales, channelLength, codes);
  if (layer === 'int8') return codes;
  const restored = dequantizeTile(codes, start, scales, channelLength, new Float32Array(tile.length));
  for (let i = 0; i < tile.length; i++) restored[i] -= tile[i];
  return restored;
}
