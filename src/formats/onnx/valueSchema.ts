import { append, type Draft, shape } from './draft';
import { int, message, text } from './fields';
import { maxListItems } from './limits';
import type { OnnxDimension, OnnxValueInfo } from './types';

/** ValueInfoProto and what it says of types and shapes. */

type ValueDraft = Draft<Omit<OnnxValueInfo, 'shape'>> & { shape?: OnnxDimension[] };

/** One dimension stands in its list as long as it is read. */
interface DimensionDraft {
  readonly shape: OnnxDimension[];
  readonly index: number;
}

const dimensionShape = shape<DimensionDraft>(
  {
    1: int('dim_value', ({ shape: dims, index }, value) => {
      dims[index] = value;
    }),
    2: text('dim_param', ({ shape: dims, index }, value) => {
      dims[index] = value;
    }),
  },
  { 3: 'denotation' },
);

const tensorShapeShape = shape<{ shape: OnnxDimension[] }>({
  1: message(
    'dim',
    () => dimensionShape,
    ({ shape: dims }) => {
      if (dims.length >= maxListItems) return undefined;
      dims.push(null);
      return { shape: dims, index: dims.length - 1 };
    },
  ),
});

const tensorTypeShape = shape<ValueDraft>({
  1: int('elem_type', (value, type) => {
    value.elemType = Number(type);
  }),
  2: message(
    'shape',
    () => tensorShapeShape,
    (value) => {
      value.shape = [];
      return value as { shape: OnnxDimension[] };
    },
  ),
});

/** Tensors and sparse tensors tell their shape; the others are only named. */
const typeShape = shape<ValueDraft>(
  {
    1: message(
      'tensor_type',
      () => tensorTypeShape,
      (value) => value,
    ),
    8: message(
      'sparse_tensor_type',
      () => tensorTypeShape,
      (value) => value,
    ),
  },
  { 4: 'sequence_type', 5: 'map_type', 6: 'denotation', 7: 'opaque_type', 9: 'optional_type' },
);

export const valueShape = shape<ValueDraft>(
  {
    1: text('name', (value, name) => {
      value.name = name;
    }),
    2: message(
      'type',
      () => typeShape,
      (value) => value,
    ),
  },
  { 3: 'doc_string', 4: 'metadata_props' },
);

export const addValue = (list: OnnxValueInfo[]) => append(list, { name: '', elemType: 0 } as ValueDraft) as ValueDraft;
