import { type DType, dtypes } from '../../core/dtype';
import type { ErrorDetails } from '../../core/errors';
import { contiguousStrides } from '../../core/shape';
import { globalCall, itemsOf } from '../pickle/access';
import { kindOf } from '../pickle/read';
import {
  type PickleCall,
  PickleGlobal,
  PickleList,
  PicklePersistent,
  PickleTuple,
  type PickleValue,
} from '../pickle/types';
import type { Quantization, StorageRecord, TensorRecord } from '../types';
import type { ZipEntry } from '../zip/types';
import { dtypeNamed, storageDtype } from './dtypes';
import { maxRank } from './limits';
import { viewFits } from './viewFits';

/**
 * Tensors as records: what PyTorch's `_rebuild_*` functions would do with their arguments, done
 * as data. Sources: torch/_utils.py and torch/serialization.py of PyTorch 1.13 and 2.x.
 */

export interface RebuildContext {
  /** Name of the pickle's record, for messages. */
  readonly entry: string;
  /** The archive's entry of a storage key, by its exact name. */
  storageEntry(key: string): ZipEntry | undefined;
  /** Set while scales and zero points are rebuilt, which are never quantized themselves. */
  readonly insideQuantized?: boolean;
}

/** Throws this inside the interpreter; it becomes the tensor's `problem`. */
class Problem {
  constructor(
    readonly code: string,
    readonly message: string,
    readonly compare: { found?: string; expected?: string } = {},
  ) {}
}

type Args = readonly PickleValue[];

/** How often `_rebuild_parameter` may wrap a tensor; PyTorch does it once. */
const maxWraps = 8;

/** The tensor that a value stands for; undefined when it is none. Never throws for what a file holds. */
export function rebuildTensor(value: PickleValue, context: RebuildContext): TensorRecord | undefined {
  // Parameters wrap tensors; a hostile file would like to wrap them as often as it can.
  let current = value;
  let requiresGrad: boolean | undefined;
  for (let wraps = 0; wraps < maxWraps; wraps++) {
    const found = globalCall(current);
    if (found === undefined) return undefined;
    if (/^torch\._utils\._rebuild_parameter(_with_state)?$/.test(found.name)) {
      requiresGrad ??= found.args[1] === true;
      current = found.args[0] ?? null;
      continue;
    }
    const rebuild = rebuilders[found.name];
    if (rebuild === undefined) return undefined;
    const tensor = attempt(() => rebuild(found.args, context), found.call, context);
    if (found.call.entries.length > 0 || found.call.items.length > 0) {
      return {
        ...tensor,
        problem: problemOf(
          new Problem('E_PICKLE_TYPE', 'The pickle puts items into a tensor, which PyTorch refuses.'),
          found.call,
          context,
        ),
      };
    }
    return requiresGrad === undefined ? tensor : { ...tensor, requiresGrad };
  }
  return undefined;
}

function attempt(build: () => TensorRecord, call: PickleCall, context: RebuildContext): TensorRecord {
  try {
    return build();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { ...unreadable, problem: problemOf(error, call, context) };
  }
}

const noStorage: StorageRecord = { key: '', dtype: 'uint8', location: '', numel: 0, entry: '' };
const unreadable: TensorRecord = {
  dtype: 'uint8',
  shape: [],
  strides: [],
  storageOffset: 0,
  storage: noStorage,
  requiresGrad: false,
};

function problemOf({ code, message, compare }: Problem, call: PickleCall, { entry }: RebuildContext): ErrorDetails {
  return { code, kind: 'malformed', message, where: { entry, offset: call.offset }, ...compare };
}

const rebuilders: Readonly<Record<string, (args: Args, context: RebuildContext) => TensorRecord>> = {
  'torch._utils._rebuild_tensor': (args, context) => view(args, context),
  'torch._utils._rebuild_tensor_v2': (args, context) => ({ ...view(args, context), requiresGrad: args[4] === true }),
  'torch._utils._rebuild_tensor_v3': (args, context) => ({
    ...view(args, context, dtypeArgument(args[6])),
    requiresGrad: args[4] === true,
  }),
  'torch._utils._rebuild_qtensor': (args, context) => {
    if (context.insideQuantized)
      throw new Problem('E_PT_QPARAMS', 'Scales and zero points may not be quantized themselves.');
    const tensor = view(args, context);
    return { ...tensor, requiresGrad: args[5] === true, quantization: quantization(args[4], tensor, context) };
  },
  'torch._utils._rebuild_meta_tensor_no_storage': ([dtype, size, stride, grad]) => {
    const shape = sizes(size, 'size');
    const problem: ErrorDetails = {
      code: 'E_PT_META',
      kind: 'unsupported',
      message: 'This tensor has no data in this file: it was saved on the meta device.',
    };
    const element = dtypeArgument(dtype);
    return {
      ...unreadable,
      dtype: element,
      shape,
      strides: sizes(stride, 'stride'),
      requiresGrad: grad === true,
      problem,
    };
  },
};

/** Arguments (storage, storage_offset, size, stride, …) as a view, checked against the storage's record. */
function view(args: Args, context: RebuildContext, dtype?: DType): TensorRecord {
  const storage = storageArgument(args[0]);
  const storageOffset = integer(args[1], 'storage_offset');
  const shape = sizes(args[2], 'size');
  const strides = sizes(args[3], 'stride');
  const element = dtype ?? storage.dtype;
  const entry = context.storageEntry(storage.key);
  const record: TensorRecord = {
    dtype: element,
    shape,
    strides,
    storageOffset,
    storage: { ...storage, entry: entry?.name ?? '' },
    requiresGrad: false,
  };
  const problem = storageProblem(record, entry, context);
  return problem === undefined ? record : { ...record, problem };
}

function storageProblem(
  record: TensorRecord,
  entry: ZipEntry | undefined,
  { entry: pickle }: RebuildContext,
): ErrorDetails | undefined {
  const { key, numel, dtype } = record.storage;
  const fail = (code: string, message: string, compare: { found: string; expected: string }): ErrorDetails => ({
    code,
    kind: 'malformed',
    message,
    where: { entry: entry?.name ?? pickle },
    ...compare,
  });
  if (entry === undefined) {
    return fail('E_PT_STORAGE_MISSING', `The record of storage ${shown(key)} is missing.`, {
      found: 'no such record',
      expected: `data/${key.slice(0, maxKeyText)}`,
    });
  }
  const promised = numel * dtypes[dtype].bytes;
  if (entry.size < promised) {
    return fail('E_PT_STORAGE_SHORT', `Storage ${shown(key)} is shorter than the pickle says.`, {
      found: `${entry.size} bytes`,
      expected: `${promised}`,
    });
  }
  const outside = viewFits(entry.size, record.storageOffset, record.shape, record.strides, record.dtype);
  return outside && fail('E_TENSOR_OOB', 'The tensor reaches outside its storage.', outside);
}

const maxKeyText = 80;

function shown(key: string): string {
  return JSON.stringify(key.length > maxKeyText ? `${key.slice(0, maxKeyText)}…` : key);
}

/** The storage that a persistent id names: ('storage', class, key, location, numel). */
function storageArgument(value: PickleValue | undefined): StorageRecord {
  const id = value instanceof PicklePersistent ? value.id : undefined;
  const items = id instanceof PickleTuple ? id.items : [];
  const [tag, type, key, location, numel] = items;
  if (tag !== 'storage' || !(type instanceof PickleGlobal) || typeof key !== 'string' || items.length < 5) {
    throw new Problem('E_PT_ARGUMENT', 'Argument 0 (storage) is not a storage.', {
      found: kindOf(value ?? null),
      expected: "('storage', type, key, location, numel)",
    });
  }
  const dtype = storageDtype(type.module, type.name);
  if (dtype === undefined) throw new Problem('E_PT_DTYPE', `${type.fullName} is no known storage.`);
  const count = integer(numel, 'numel');
  if (count < 0)
    throw new Problem('E_PT_ARGUMENT', 'The storage promises a negative number of elements.', {
      found: String(count),
      expected: 'none below 0',
    });
  return {
    key,
    dtype,
    location: typeof location === 'string' ? location : kindOf(location),
    numel: count,
    entry: '',
  };
}

function integer(value: PickleValue | undefined, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  const found = typeof value === 'bigint' ? `${value}` : kindOf(value ?? null);
  throw new Problem('E_PT_ARGUMENT', `Argument ${name} is not a whole number that fits.`, { found, expected: 'int' });
}

/** A tuple, list or torch.Size of whole numbers. */
function sizes(value: PickleValue | undefined, name: string): number[] {
  let items: PickleValue | undefined = value;
  const call = items === undefined ? undefined : globalCall(items);
  if (call?.name === 'torch.Size') items = call.args[0];
  if (!(items instanceof PickleTuple || items instanceof PickleList)) {
    throw new Problem('E_PT_ARGUMENT', `Argument ${name} is not a tuple of ints.`, {
      found: kindOf(items ?? null),
      expected: 'tuple',
    });
  }
  if (items.items.length > maxRank) {
    throw new Problem('E_PT_RANK', `The tensor has ${items.items.length} dimensions; the limit is ${maxRank}.`);
  }
  return items.items.map((item) => integer(item, name));
}

function dtypeArgument(value: PickleValue | undefined): DType {
  const dtype = value instanceof PickleGlobal && value.module === 'torch' ? dtypeNamed(value.name) : undefined;
  if (dtype === undefined) throw new Problem('E_PT_DTYPE', `${kindOf(value ?? null)} is no known dtype.`);
  return dtype;
}

/** (torch.per_tensor_affine, scale, zero point) or (torch.per_channel_affine, scales, zero points, axis). */
function quantization(value: PickleValue | undefined, tensor: TensorRecord, context: RebuildContext): Quantization {
  const items = value instanceof PickleTuple ? value.items : [];
  const scheme = items[0] instanceof PickleGlobal ? items[0].fullName : kindOf(items[0] ?? null);
  if (scheme === 'torch.per_tensor_affine') {
    const [, scale, zeroPoint] = items;
    if (typeof scale !== 'number' || !Number.isFinite(scale) || scale <= 0) {
      throw new Problem('E_PT_QPARAMS', 'The scale of a quantized tensor is not a positive number.', {
        found: String(scale),
        expected: 'a finite number above 0',
      });
    }
    return { scheme: 'per_tensor', scale, zeroPoint: integer(zeroPoint, 'zero_point') };
  }
  if (scheme !== 'torch.per_channel_affine')
    throw new Problem('E_PT_QPARAMS', `${scheme} is no known quantization scheme.`);
  const axis = integer(items[3], 'axis');
  const channels = tensor.shape[axis];
  const scales = qparams(items[1], context);
  const zeroPoints = qparams(items[2], context);
  const [scaleCount, zeroPointCount] = [lengthOf(scales), lengthOf(zeroPoints)];
  if (channels === undefined || scaleCount !== channels || zeroPointCount !== channels) {
    throw new Problem('E_PT_QPARAMS', 'Scales and zero points do not fit the channel axis.', {
      found: `axis ${axis}, ${scaleCount ?? 'no'} scales, ${zeroPointCount ?? 'no'} zero points`,
      expected: `one each of ${channels ?? 'an axis of the tensor'}`,
    });
  }
  return { scheme: 'per_channel', scales, zeroPoints, axis };
}

/** One number a channel: a tensor, or a list of numbers as PyTorch before 1.4 wrote it. */
function qparams(value: PickleValue | undefined, context: RebuildContext): TensorRecord | readonly number[] {
  if (value instanceof PickleList || value instanceof PickleTuple) {
    const numbers = itemsOf(value).filter((item): item is number => typeof item === 'number');
    if (numbers.length === value.items.length) return numbers;
  }
  const tensor = rebuildTensor(value ?? null, { ...context, insideQuantized: true });
  if (tensor === undefined) {
    throw new Problem('E_PT_QPARAMS', 'Scales and zero points are neither a tensor nor a list of numbers.', {
      found: kindOf(value ?? null),
      expected: 'a tensor',
    });
  }
  return tensor;
}

function lengthOf(value: TensorRecord | readonly number[]): number | undefined {
  return 'storage' in value ? value.shape[0] : value.length;
}

/** The strides that a tensor of this shape has when it is contiguous. */
export function isRowMajor({ shape, strides }: TensorRecord): boolean {
  const expected = contiguousStrides(shape);
  return shape.includes(0) || strides.every((stride, i) => stride === expected[i] || shape[i] === 1);
}
