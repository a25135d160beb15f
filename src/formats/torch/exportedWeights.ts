import type { AbortCheck } from '../../core/abort';
import type { DType } from '../../core/dtype';
import { JsonReader } from '../json/read';
import { maxRank } from './limits';

/** A weight as `*_weights_config.json` describes it. Source: torch/_export/serde/schema.py, PayloadMeta and TensorMeta. */
export interface ExportedWeight {
  readonly name: string;
  /** Record in the folder of the config. */
  readonly path: string;
  readonly isParameter: boolean;
  /** The record is a file of torch.save, and not the bytes themselves. */
  readonly pickled: boolean;
  /** Undefined for a type that PyTorch's schema does not have. */
  readonly dtype: DType | undefined;
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** ScalarType of torch/_export/serde/schema.py. */
const scalarTypes: ReadonlyMap<number, DType> = new Map([
  [1, 'uint8'],
  [2, 'int8'],
  [3, 'int16'],
  [4, 'int32'],
  [5, 'int64'],
  [6, 'float16'],
  [7, 'float32'],
  [8, 'float64'],
  [9, 'complex32'],
  [10, 'complex64'],
  [11, 'complex128'],
  [12, 'bool'],
  [13, 'bfloat16'],
  [28, 'uint16'],
  [29, 'float8_e4m3fn'],
  [30, 'float8_e5m2'],
  [31, 'float8_e4m3fnuz'],
  [32, 'float8_e5m2fnuz'],
  [33, 'float8_e8m0fnu'],
  [34, 'uint32'],
  [35, 'uint64'],
]);

/** The weights of a config, in its order. */
export function exportedWeights(bytes: Uint8Array, abort: AbortCheck): ExportedWeight[] {
  const reader = new JsonReader(bytes, 0, 'E_PT_EXPORT_JSON', abort);
  const weights: ExportedWeight[] = [];
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key !== 'config' || reader.peek() !== 'object') {
      reader.skip();
      continue;
    }
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) weights.push(weight(reader, name));
  }
  reader.end();
  return weights;
}

function weight(reader: JsonReader, name: string): ExportedWeight {
  let path = '';
  let isParameter = false;
  let pickled = false;
  let meta: TensorMeta = { dtype: undefined, sizes: [], strides: [], offset: 0 };
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const kind = reader.peek();
    if (key === 'path_name' && kind === 'string') path = reader.string();
    else if (key === 'is_param' && kind === 'word') isParameter = reader.word() === true;
    else if (key === 'use_pickle' && kind === 'word') pickled = reader.word() === true;
    else if (key === 'tensor_meta' && kind === 'object') meta = tensorMeta(reader);
    else reader.skip();
  }
  return { name, path, isParameter, pickled, ...meta };
}

type TensorMeta = Pick<ExportedWeight, 'dtype' | 'sizes' | 'strides' | 'offset'>;

function tensorMeta(reader: JsonReader): TensorMeta {
  let dtype: DType | undefined;
  let sizes: readonly number[] = [];
  let strides: readonly number[] = [];
  let offset = 0;
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const kind = reader.peek();
    if (key === 'dtype' && kind === 'number') dtype = scalarTypes.get(Number(reader.numberText()));
    else if (key === 'sizes' && kind === 'array') sizes = integers(reader);
    else if (key === 'strides' && kind === 'array') strides = integers(reader);
    else if (key === 'storage_offset' && kind === 'object') offset = integer(reader);
    else reader.skip();
  }
  return { dtype, sizes, strides, offset };
}

function integers(reader: JsonReader): number[] {
  const values: number[] = [];
  reader.beginArray();
  while (reader.nextItem()) {
    if (reader.peek() !== 'object' || values.length > maxRank) reader.skip();
    else values.push(integer(reader));
  }
  return values;
}

/** `{"as_int": 3}`; NaN for a size that is only known when the program runs. */
function integer(reader: JsonReader): number {
  let value = Number.NaN;
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === 'as_int' && reader.peek() === 'number') value = Number(reader.numberText());
    else reader.skip();
  }
  return value;
}
