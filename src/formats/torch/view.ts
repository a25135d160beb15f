import { byteLength, type DType, dtypes } from '../../core/dtype';
import type { ErrorDetails } from '../../core/errors';
import { numel } from '../../core/shape';
import { quotedName } from '../../core/text';
import { bytesOf, dictEntry, entriesOf, globalCall } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { PicklePersistent, type PickleValue } from '../pickle/types';
import type { StorageRecord, TensorRecord } from '../types';
import { integer, sizes } from './arguments';
import type { RebuildContext, StorageEntry } from './context';
import { nestedStorage } from './nestedStorage';
import { storageId } from './persistent';
import { Problem } from './problem';
import { viewFits } from './viewFits';

/** Arguments (storage, storage_offset, size, stride, …) as a view, checked against the storage's record. */
export function view(args: readonly PickleValue[], context: RebuildContext, dtype?: DType): TensorRecord {
  const { storage, entry, window, offset } = storageArgument(args[0], context);
  const ownOffset = integer(args[1], 'storage_offset');
  const shape = sizes(args[2], 'size');
  const strides = sizes(args[3], 'stride');
  const record: TensorRecord = {
    dtype: dtype ?? storage.dtype,
    shape,
    strides,
    storageOffset: ownOffset + window.offset,
    storage,
    requiresGrad: false,
  };
  if (entry === undefined) return { ...record, problem: missing(storage.key, context, offset) };
  const problem = shortStorage(record, entry, context, offset) ?? outsideStorage(record, ownOffset, window, entry);
  if (problem !== undefined) return { ...record, problem };
  noteOddities(record, entry, context);
  return record;
}

interface Found {
  readonly storage: StorageRecord;
  readonly entry: StorageEntry | undefined;
  /** The part of the storage that the tensor may use, in elements. */
  readonly window: { readonly offset: number; readonly length: number | undefined };
  /** Where the pickle names the storage; undefined when the storage is in the pickle itself. */
  readonly offset: number | undefined;
}

function storageArgument(value: PickleValue | undefined, context: RebuildContext): Found {
  const nested = globalCall(value);
  if (nested?.name === 'torch.storage._load_from_bytes') {
    const bytes = bytesOf(nested.args[0]);
    const storage = bytes && nestedStorage(bytes, context.depth ?? 0);
    if (storage === undefined) {
      throw new Problem('E_PT_NESTED', 'The storage that is pickled inside this pickle cannot be read.', {
        found: bytes === undefined ? kindOf(nested.args[0] ?? null) : `${bytes.length} bytes`,
        expected: 'a stream of torch.save with one storage',
      });
    }
    const entry = { name: storage.key, size: storage.inline?.length ?? 0 };
    return { storage, entry, window: { offset: 0, length: undefined }, offset: undefined };
  }
  if (!(value instanceof PicklePersistent)) {
    throw new Problem('E_PT_ARGUMENT', 'Argument 0 (storage) is not a storage.', {
      found: kindOf(value ?? null),
      expected: "('storage', type, key, location, numel)",
    });
  }
  const id = storageId(value);
  if ('code' in id)
    throw new Problem(id.code, id.message, {
      found: id.found,
      expected: id.expected,
      offset: value.offset,
    });
  const { key, dtype, location, numel } = id;
  const entry = context.storageEntry(key);
  const storage: StorageRecord = { key, dtype, location, numel, entry: entry?.name ?? '' };
  return {
    storage,
    entry,
    window: { offset: id.view?.offset ?? 0, length: id.view?.length },
    offset: value.offset,
  };
}

function missing(key: string, { entry }: RebuildContext, offset: number | undefined): ErrorDetails {
  return {
    code: 'E_PT_STORAGE_MISSING',
    kind: 'malformed',
    message: `The record of storage ${quotedName(key)} is missing.`,
    where: { entry, offset },
    found: 'no such record',
    expected: `data/${key.slice(0, 80)}`,
  };
}

function shortStorage(
  { storage }: TensorRecord,
  entry: StorageEntry,
  context: RebuildContext,
  offset: number | undefined,
): ErrorDetails | undefined {
  const promised = byteLength(storage.dtype, storage.numel);
  if (entry.size >= promised) return undefined;
  return {
    code: 'E_PT_STORAGE_SHORT',
    kind: 'malformed',
    message: `Storage ${quotedName(storage.key)} is shorter than the pickle says.`,
    where: { entry: context.entry, offset, field: entry.name },
    found: `${entry.size} bytes`,
    expected: `${promised}`,
    hint: 'The file was cut or edited; PyTorch 2.10 and later refuse it, older versions read stray memory.',
  };
}

function outsideStorage(
  record: TensorRecord,
  ownOffset: number,
  window: Found['window'],
  entry: StorageEntry,
): ErrorDetails | undefined {
  const bytes = window.length === undefined ? entry.size : byteLength(record.storage.dtype, window.length);
  const outside = viewFits(bytes, ownOffset, record.shape, record.strides, record.dtype);
  if (outside === undefined) return undefined;
  return {
    code: 'E_TENSOR_OOB',
    kind: 'malformed',
    message: 'The tensor reaches outside its storage.',
    where: { field: entry.name },
    ...outside,
  };
}

/** A view that repeats its storage so often is no weight, but it is legal. */
const maxRepeats = 16;
const largeView = 2 ** 30;

function noteOddities(record: TensorRecord, entry: StorageEntry, { warn }: RebuildContext): void {
  if (warn === undefined) return;
  const { storage, shape, dtype } = record;
  // PyTorch counts the storage of packed codes in bytes.
  const isPacked = dtypes[storage.dtype].bytes < 1;
  const promised = isPacked ? storage.numel : byteLength(storage.dtype, storage.numel);
  // A packed or untyped storage may be padded by less than one element.
  if (entry.size - promised >= Math.max(dtypes[storage.dtype].bytes, 1)) {
    warn({
      code: 'E_PT_STORAGE_LONG',
      message: `Storage ${quotedName(storage.key)} has ${entry.size} bytes, but the pickle says ${promised}. PyTorch 2.10 and later refuse it.`,
    });
  }
  const logical = byteLength(dtype, numel(shape));
  if (logical > largeView && logical > maxRepeats * entry.size) {
    warn({
      code: 'E_TENSOR_REPEATED',
      message: `A tensor of ${logical} bytes is a view that repeats the ${entry.size} bytes of storage ${quotedName(storage.key)}.`,
    });
  }
}

/** What is odd about a tensor beside its view: hooks, a gradient flag that is none, unknown metadata. */
export function noteExtras(
  grad: PickleValue | undefined,
  hooks: PickleValue | undefined,
  metadata: PickleValue | undefined,
  { warn }: RebuildContext,
): void {
  if (warn === undefined) return;
  if (grad !== undefined && typeof grad !== 'boolean') {
    warn({ code: 'E_PT_EXTRA', message: `requires_grad of a tensor is ${kindOf(grad)} and was ignored.` });
  }
  if (entriesOf(hooks).length > 0) warn({ code: 'E_PT_EXTRA', message: 'Hooks of a tensor were ignored.' });
  const unknown = entriesOf(metadata).filter(([key]) => key !== 'conj' && key !== 'neg');
  if (unknown.length > 0) warn({ code: 'E_PT_EXTRA', message: 'Unknown metadata of a tensor was ignored.' });
}

/** `{'conj': True}` and `{'neg': True}`: the stored numbers are those before the flag. */
export function negation(metadata: PickleValue | undefined, dtype: DType): TensorRecord['negated'] {
  const complex = dtypes[dtype].kind === 'complex';
  const conj = complex && dictEntry(metadata, 'conj') === true;
  const neg = dictEntry(metadata, 'neg') === true;
  if (conj && neg) return 'real';
  return conj ? 'imaginary' : neg ? 'all' : undefined;
}
