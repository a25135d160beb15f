import { dtypes } from '../../core/dtype';
import { dictEntry, globalCall, itemsOf } from '../pickle/access';
import { PickleGlobal, type PickleValue } from '../pickle/types';
import type { TensorRecord } from '../types';
import { sizes } from './arguments';
import type { RebuildContext } from './context';
import { Problem, problemDetails, unreadable } from './problem';

/**
 * Tensors that are made of several: sparse and nested ones. They are shown as their parts, and
 * never made dense: a size of a few bytes can ask for terabytes.
 */
export interface Composite {
  /** `sparse_coo`, `sparse_csr`, …, `nested`, `jagged`. */
  readonly layout: string;
  /** Of the dense tensor; undefined for nested ones. */
  readonly shape: readonly number[] | undefined;
  readonly parts: readonly { readonly name: string; readonly tensor: TensorRecord }[];
}

type Rebuild = (value: PickleValue) => TensorRecord | undefined;

/** The parts that a value stands for; undefined when it is no composite. Never throws for what a file holds. */
export function rebuildParts(value: PickleValue, context: RebuildContext, rebuild: Rebuild): Composite | undefined {
  const found = globalCall(value);
  if (found === undefined) return undefined;
  const build = builders[found.name];
  if (build === undefined) return undefined;
  try {
    return build(found.args, rebuild);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const problem = problemDetails(error, context.entry, found.call.offset);
    return { layout: 'unreadable', shape: undefined, parts: [{ name: '', tensor: { ...unreadable, problem } }] };
  }
}

type Builder = (args: readonly PickleValue[], rebuild: Rebuild) => Composite;

const sparse: Builder = ([layoutValue, data], rebuild) => {
  const layout = layoutName(layoutValue);
  const items = itemsOf(data);
  if (layout === 'sparse_coo') return coo(items, rebuild);
  const names = compressedNames[layout];
  if (names === undefined) {
    throw new Problem('E_PT_SPARSE', `${layout || 'Nothing'} is no known sparse layout.`);
  }
  return compressed(layout, names, items, rebuild);
};

const nested: Builder = ([buffer, sizesValue, strides, offsets], rebuild) => ({
  layout: 'nested',
  shape: undefined,
  parts: [
    { name: 'buffer', tensor: part(buffer, 'buffer', rebuild) },
    { name: 'sizes', tensor: index(sizesValue, 'sizes', rebuild) },
    { name: 'strides', tensor: index(strides, 'strides', rebuild) },
    { name: 'offsets', tensor: index(offsets, 'offsets', rebuild) },
  ],
});

const jagged: Builder = ([state], rebuild) => {
  const values = part(dictEntry(state, '_values') ?? dictEntry(state, 'values'), 'values', rebuild);
  const offsets = index(dictEntry(state, '_offsets') ?? dictEntry(state, 'offsets'), 'offsets', rebuild);
  return {
    layout: 'jagged',
    shape: undefined,
    parts: [
      { name: 'values', tensor: values },
      { name: 'offsets', tensor: offsets },
    ],
  };
};

const builders: Readonly<Record<string, Builder | undefined>> = Object.assign(Object.create(null), {
  'torch._utils._rebuild_sparse_tensor': sparse,
  'torch._utils._rebuild_sparse_csr_tensor': sparse,
  'torch._utils._rebuild_nested_tensor': nested,
  'torch.nested._internal.nested_tensor._rebuild_njt': jagged,
});

/** `torch.sparse_coo` by its name, or as `_get_layout('torch.sparse_coo')`. */
function layoutName(value: PickleValue | undefined): string {
  if (value instanceof PickleGlobal) return value.module === 'torch' ? value.name : '';
  const call = globalCall(value);
  const name = call?.name === 'torch.serialization._get_layout' ? call.args[0] : undefined;
  return typeof name === 'string' ? name.replace(/^torch\./, '').slice(0, 40) : '';
}

const compressedNames: Readonly<Record<string, readonly [string, string] | undefined>> = {
  sparse_csr: ['crow_indices', 'col_indices'],
  sparse_csc: ['ccol_indices', 'row_indices'],
  sparse_bsr: ['crow_indices', 'col_indices'],
  sparse_bsc: ['ccol_indices', 'row_indices'],
};

/** (indices [dimensions, count], values [count, …], size[, is_coalesced]). */
function coo([indicesValue, valuesValue, size]: readonly PickleValue[], rebuild: Rebuild): Composite {
  const indices = index(indicesValue, 'indices', rebuild);
  const values = part(valuesValue, 'values', rebuild);
  const shape = sizes(size, 'size');
  const [dimensions, count] = indices.shape;
  if (
    indices.shape.length !== 2 ||
    values.shape[0] !== count ||
    dimensions + values.shape.length - 1 !== shape.length
  ) {
    throw new Problem('E_PT_SPARSE', 'Indices and values of a sparse tensor do not fit its size.', {
      found: `indices ${shapeText(indices)}, values ${shapeText(values)}`,
      expected: `one column of ${shape.length} indices for each value`,
    });
  }
  const parts = [
    { name: 'indices', tensor: indices },
    { name: 'values', tensor: values },
  ];
  return { layout: 'sparse_coo', shape, parts };
}

/** (compressed indices, plain indices, values, size). */
function compressed(
  layout: string,
  [compressedName, plainName]: readonly [string, string],
  [compressedValue, plainValue, valuesValue, size]: readonly PickleValue[],
  rebuild: Rebuild,
): Composite {
  const pointers = index(compressedValue, compressedName, rebuild);
  const plain = index(plainValue, plainName, rebuild);
  const values = part(valuesValue, 'values', rebuild);
  const shape = sizes(size, 'size');
  const batch = pointers.shape.length - 1;
  if (batch < 0 || plain.shape[batch] === undefined || values.shape[batch] !== plain.shape[batch]) {
    throw new Problem('E_PT_SPARSE', 'Indices and values of a sparse tensor do not fit each other.', {
      found: `${compressedName} ${shapeText(pointers)}, ${plainName} ${shapeText(plain)}, values ${shapeText(values)}`,
      expected: 'one index for each value',
    });
  }
  const parts = [
    { name: compressedName, tensor: pointers },
    { name: plainName, tensor: plain },
    { name: 'values', tensor: values },
  ];
  return { layout, shape, parts };
}

function part(value: PickleValue | undefined, name: string, rebuild: Rebuild): TensorRecord {
  const tensor = value === undefined ? undefined : rebuild(value);
  if (tensor === undefined) throw new Problem('E_PT_SPARSE', `The ${name} of a composite tensor are no tensor.`);
  return tensor;
}

function index(value: PickleValue | undefined, name: string, rebuild: Rebuild): TensorRecord {
  const tensor = part(value, name, rebuild);
  if (dtypes[tensor.dtype].kind !== 'int' && tensor.problem === undefined) {
    throw new Problem('E_PT_SPARSE', `The ${name} of a composite tensor are no whole numbers.`, {
      found: tensor.dtype,
      expected: 'int64 or int32',
    });
  }
  return tensor;
}

function shapeText({ shape }: TensorRecord): string {
  return `[${shape.slice(0, 8).join(', ')}]`;
}
