import type { ErrorDetails } from '../../core/errors';
import { contiguousStrides, numel } from '../../core/shape';
import type { TensorRecord } from '../types';
import { type DataType, dataTypeName, dataTypeOf, rawBytes } from './dataTypes';
import { type ExternalData, parseExternal } from './external';
import { maxRank } from './limits';
import { newTensor } from './tensorSchema';
import type { DataRun, OnnxInt, OnnxSparseTensor, OnnxTensor } from './types';

/** Where the values of a record are. */
export type Payload =
  | {
      readonly kind: 'dense';
      readonly tensor: OnnxTensor;
      readonly type: DataType;
      readonly count: number;
      readonly external?: ExternalData;
    }
  | {
      readonly kind: 'sparse';
      readonly values: Payload & { kind: 'dense' };
      readonly indices: Payload & { kind: 'dense' };
      readonly shape: readonly number[];
    };

/** A record and its payload; a record with a problem has none. */
export interface Placed {
  readonly record: TensorRecord;
  readonly payload?: Payload;
}

type Checked<T> = T | ErrorDetails;

const isProblem = <T extends object>(value: Checked<T>): value is ErrorDetails => 'code' in value;

/** A dense tensor as a record. Whatever is wrong with it becomes its problem, so that the others stay readable. */
export function denseRecord(tensor: OnnxTensor, fileSize: number): Placed {
  const shape = checkDims(tensor.dims, tensor.region.offset);
  if (isProblem(shape)) return { record: record([0], tensor, shape) };
  const payload = locate(tensor, shape, fileSize);
  if (isProblem(payload)) return { record: record(shape, tensor, payload) };
  return { record: record(shape, tensor), payload };
}

/** A sparse tensor as the dense one that it stands for. */
export function sparseRecord(sparse: OnnxSparseTensor, fileSize: number): Placed {
  const { values, indices, region } = sparse;
  const named = values ?? newTensor({ offset: region.offset, length: 0 });
  const shape = checkDims(sparse.dims, region.offset);
  if (isProblem(shape)) return { record: record([0], named, shape) };
  const refuse = (message: string, found: string, expected: string): Placed => ({
    record: record(shape, named, problem('E_ONNX_SPARSE', message, region.offset, found, expected)),
  });
  if (values === undefined || indices === undefined)
    return refuse('The sparse tensor has no values or no indices.', 'one of them', 'both');
  const place = (tensor: OnnxTensor): Checked<Payload & { kind: 'dense' }> => {
    const dims = checkDims(tensor.dims, tensor.region.offset);
    return isProblem(dims) ? dims : locate(tensor, dims, fileSize);
  };
  const valuePayload = place(values);
  if (isProblem(valuePayload)) return { record: record(shape, named, valuePayload) };
  const indexPayload = place(indices);
  if (isProblem(indexPayload)) return { record: record(shape, named, indexPayload) };
  const nonzeros = valuePayload.count;
  if (values.dims.length !== 1)
    return refuse('The values of a sparse tensor are no list.', `rank ${values.dims.length}`, 'rank 1');
  const linear = indices.dims.length === 1;
  const wanted = linear ? nonzeros : nonzeros * shape.length;
  if (indices.dataType !== 7 || indexPayload.count !== wanted || indices.dims.length > 2)
    return refuse(
      'The indices of the sparse tensor do not fit its values.',
      `${indexPayload.count} of type ${dataTypeName(indices.dataType)}`,
      `${wanted} of type int64`,
    );
  return {
    record: record(shape, named),
    payload: { kind: 'sparse', values: valuePayload, indices: indexPayload, shape },
  };
}

function record(shape: readonly number[], tensor: OnnxTensor, problem?: ErrorDetails): TensorRecord {
  const type = dataTypeOf(tensor.dataType);
  const dtype = type?.dtype ?? 'uint8';
  const count = numel(shape);
  const widened = type === undefined || type.dtype === undefined || type.bits < 8;
  const stored = type === undefined ? 0 : rawBytes(type, count);
  return {
    dtype,
    shape,
    strides: contiguousStrides(shape),
    storageOffset: 0,
    storage: { key: tensor.name, dtype, location: 'cpu', numel: count, entry: '' },
    requiresGrad: false,
    ...(widened ? { encoding: { name: dataTypeName(tensor.dataType), bytes: stored } } : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}

function checkDims(dims: readonly OnnxInt[], offset: number): Checked<number[]> {
  if (dims.length > maxRank)
    return problem(
      'E_ONNX_DIMS',
      'The tensor has too many dimensions.',
      offset,
      `${dims.length}`,
      `at most ${maxRank}`,
    );
  const bad = dims.find((size) => typeof size === 'bigint' || size < 0);
  const product = dims.reduce<bigint>((total, size) => total * BigInt(size || 1), 1n);
  if (bad !== undefined || product > BigInt(Number.MAX_SAFE_INTEGER) / 16n) {
    const found = bad === undefined ? `${product} elements` : `a dimension of ${bad}`;
    return problem(
      'E_ONNX_DIMS',
      'The tensor has a shape that cannot be.',
      offset,
      found,
      'sizes from 0 on, that can be counted',
    );
  }
  return dims.map(Number);
}

function locate(tensor: OnnxTensor, shape: readonly number[], fileSize: number): Checked<Payload & { kind: 'dense' }> {
  const { offset } = tensor.region;
  const type = dataTypeOf(tensor.dataType);
  if (type === undefined)
    return problem(
      'E_ONNX_DTYPE',
      'The tensor has an element type that ONNX does not know.',
      offset,
      `data type ${tensor.dataType}`,
      '1 to 28',
      'unsupported',
    );
  if (type.dtype === undefined)
    return problem(
      'E_ONNX_DTYPE',
      'The tensor holds text, not numbers.',
      offset,
      type.name,
      'a numeric type',
      'unsupported',
    );
  if (tensor.segmented)
    return problem(
      'E_ONNX_SEGMENT',
      'The tensor is a segment of a larger one, which no tool reads.',
      offset,
      'a segment',
      'a whole tensor',
      'unsupported',
    );
  const count = numel(shape);
  const dense = { kind: 'dense', tensor, type, count } as const;
  if (tensor.dataLocation === 1) {
    if (tensor.data.length > 0)
      return dataProblem(tensor, 'The tensor has data here and in another file.', 'both', 'one of them');
    const external = parseExternal(tensor);
    if (isProblem(external)) return external;
    const need = rawBytes(type, count);
    if (external.length !== undefined && external.length !== need)
      return dataProblem(
        tensor,
        'The external data are not as long as the shape asks for.',
        `${external.length} bytes`,
        `${need}`,
      );
    return { ...dense, external };
  }
  return checkStored(tensor, type, count, fileSize) ?? dense;
}

/** Whether what is stored in the file itself fits the shape. */
function checkStored(tensor: OnnxTensor, type: DataType, count: number, fileSize: number): ErrorDetails | undefined {
  const { data } = tensor;
  const fields = new Set(data.map(({ field }) => field));
  if (fields.size === 0)
    return count === 0
      ? undefined
      : dataProblem(tensor, 'The tensor has no data.', 'no data', `${rawBytes(type, count)} bytes`);
  if (fields.size > 1)
    return dataProblem(
      tensor,
      'The tensor has its data twice, in different fields.',
      [...fields].join(' and '),
      'one field',
    );
  const last = data[data.length - 1];
  const cut = last.offset + last.length - fileSize;
  if (cut > 0)
    return {
      ...dataProblem(tensor, 'The file ends inside the tensor.', `${last.length - cut} bytes`, `${last.length}`),
      code: 'E_ONNX_TRUNCATED',
      hint: 'The download or copy stopped; fetch the file again.',
    };
  if (last.field === 'raw') {
    const need = rawBytes(type, count);
    return last.length === need
      ? undefined
      : dataProblem(tensor, 'The data are not as long as the shape asks for.', `${last.length} bytes`, `${need}`);
  }
  if (last.field !== type.field)
    return dataProblem(
      tensor,
      `A tensor of ${type.name} keeps its data in the wrong field.`,
      `${last.field}_data`,
      `${type.field}_data or raw_data`,
    );
  return checkTyped(tensor, data, typedItems(type, count));
}

/** Values in the typed field: packed below a byte as in raw_data, two for a complex number. */
export function typedItems(type: DataType, count: number): number {
  if (type.bits < 8 && type.bits !== 6) return rawBytes(type, count);
  return type.dtype === 'complex64' || type.dtype === 'complex128' ? 2 * count : count;
}

/** Fixed widths count exactly; a list of varints is at least bounded before it is read. */
function checkTyped(tensor: OnnxTensor, data: readonly DataRun[], items: number): ErrorDetails | undefined {
  let least = 0;
  let most = 0;
  for (const { field, packed, count, length } of data) {
    const width = field === 'float' ? 4 : field === 'double' ? 8 : undefined;
    least += packed ? Math.ceil(length / (width ?? 10)) : count;
    most += packed ? Math.floor(length / (width ?? 1)) : count;
  }
  if (items >= least && items <= most) return undefined;
  const found = least === most ? `${least} values` : `${least} to ${most} values`;
  return dataProblem(tensor, 'The data are not as many as the shape asks for.', found, `${items}`);
}

export function dataProblem(tensor: OnnxTensor, message: string, found: string, expected: string): ErrorDetails {
  return problem('E_ONNX_DATA', message, tensor.data.at(-1)?.offset ?? tensor.region.offset, found, expected);
}

function problem(
  code: string,
  message: string,
  offset: number,
  found: string,
  expected: string,
  kind: 'malformed' | 'unsupported' = 'malformed',
): ErrorDetails {
  return { code, kind, message, where: { offset }, found, expected };
}
