import { type Draft, entry, entryShape, push, shape } from './draft';
import { data, type FoundRun, int, type MessageShape, message, text } from './fields';
import type { DataField, DataRun, OnnxSparseTensor, OnnxTensor, Region } from './types';

/** TensorProto and SparseTensorProto. */

export type TensorDraft = Draft<OnnxTensor>;

/** Values that follow each other in the file become one run. */
function addRun(runs: DataRun[], field: DataField, run: FoundRun): void {
  const last = runs.at(-1);
  if (
    last !== undefined &&
    !run.packed &&
    !last.packed &&
    last.field === field &&
    last.offset + last.length === run.offset
  )
    runs[runs.length - 1] = { ...last, length: last.length + run.length, count: last.count + 1 };
  else push(runs, { ...run, field, count: run.packed ? 0 : 1 });
}

const dataField = (name: string, field: DataField) =>
  data<TensorDraft>(name, field, (tensor, run) => addRun(tensor.data, field, run));

export const tensorShape = shape<TensorDraft>(
  {
    1: int('dims', (tensor, value) => push(tensor.dims, value)),
    2: int('data_type', (tensor, value) => {
      tensor.dataType = Number(value);
    }),
    3: message(
      'segment',
      (): MessageShape<object> => new Map(),
      (tensor) => {
        tensor.segmented = true;
        return undefined;
      },
    ),
    4: dataField('float_data', 'float'),
    5: dataField('int32_data', 'int32'),
    6: dataField('string_data', 'string'),
    7: dataField('int64_data', 'int64'),
    8: text('name', (tensor, value) => {
      tensor.name = value;
    }),
    9: dataField('raw_data', 'raw'),
    10: dataField('double_data', 'double'),
    11: dataField('uint64_data', 'uint64'),
    13: message(
      'external_data',
      () => entryShape,
      (tensor) => entry(tensor.externalData),
    ),
    14: int('data_location', (tensor, value) => {
      tensor.dataLocation = Number(value);
    }),
  },
  { 12: 'doc_string', 16: 'metadata_props' },
);

export function newTensor(region: Region): TensorDraft {
  return {
    name: '',
    dims: [],
    dataType: 0,
    data: [],
    dataLocation: 0,
    externalData: [],
    segmented: false,
    region,
  };
}

export const sparseShape = shape<Draft<OnnxSparseTensor>>({
  1: message(
    'values',
    () => tensorShape,
    (sparse, region) => {
      sparse.values = newTensor(region);
      return sparse.values as TensorDraft;
    },
  ),
  2: message(
    'indices',
    () => tensorShape,
    (sparse, region) => {
      sparse.indices = newTensor(region);
      return sparse.indices as TensorDraft;
    },
  ),
  3: int('dims', (sparse, value) => push(sparse.dims, value)),
});
