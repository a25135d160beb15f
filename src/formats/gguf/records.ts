import type { ErrorDetails } from '../../core/errors';
import { contiguousStrides, numel } from '../../core/shape';
import type { TensorRecord } from '../types';
import { type Encoding, encodingOf, isReadable } from './encodings';
import { maxTensorBytes } from './limits';
import type { GgufPart, TensorInfo } from './types';

/** Where the values of a tensor are, and how they are stored. */
export interface Payload {
  readonly part: GgufPart;
  readonly encoding: Encoding;
  /** Byte of the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

export interface Placed {
  readonly name: string;
  readonly record: TensorRecord;
  readonly payload?: Payload;
}

/** The tensors of a part as records. What is wrong with one becomes its problem; the others stay readable. */
export function placeTensors(part: GgufPart): Placed[] {
  const placed = part.header.tensors.map((info) => place(part, info));
  return markOverlaps(placed);
}

function place(part: GgufPart, info: TensorInfo): Placed {
  const { name, at } = info;
  const encoding = encodingOf(info.type);
  const shape = info.dims.map(Number).reverse();
  const size = sizeOf(info, encoding);
  if (typeof size === 'string' || encoding === undefined) {
    const problem = shapeProblem(info, encoding, String(size));
    return { name, record: recordOf(name, encoding, [0], 0, problem) };
  }
  const offset = part.header.dataStart + Number(info.offset);
  const bytes = (size / encoding.blockSize) * encoding.blockBytes;
  const problem =
    offsetProblem(part, info, offset, bytes) ?? (isReadable(encoding) ? undefined : notDecoded(encoding, at));
  const record = recordOf(name, encoding, shape, bytes, problem);
  return problem === undefined
    ? { name, record, payload: { part, encoding, offset, bytes, count: size } }
    : { name, record };
}

/** Elements, or what is wrong with the shape. In BigInt, since hostile products leave the doubles' exact range. */
function sizeOf({ dims }: TensorInfo, encoding: Encoding | undefined): number | string {
  const product = dims.reduce<bigint>((total, size) => total * BigInt(size), 1n);
  if (product > BigInt(Number.MAX_SAFE_INTEGER) / 8n) return `${product} elements`;
  if (dims.some((size) => typeof size === 'bigint'))
    return `a dimension of ${dims.find((size) => typeof size === 'bigint')}`;
  const row = Number(dims[0] ?? 1);
  if (encoding !== undefined && row % encoding.blockSize !== 0) return `rows of ${row} values`;
  return Number(product);
}

function shapeProblem({ type, at }: TensorInfo, encoding: Encoding | undefined, found: string): ErrorDetails {
  if (encoding === undefined) {
    return {
      code: 'E_GGUF_ENCODING',
      kind: 'unsupported',
      message: 'The tensor is stored in a way that ggml does not know, or no longer.',
      where: { offset: at, field: 'type' },
      found: `type id ${type}`,
      expected: 'a ggml_type',
    };
  }
  return {
    code: 'E_GGUF_SHAPE',
    kind: 'malformed',
    message: 'The tensor has a shape that cannot be.',
    where: { offset: at, field: 'dimensions' },
    found,
    expected: encoding.blockSize === 1 ? 'sizes that can be counted' : `rows of whole blocks of ${encoding.blockSize}`,
  };
}

function notDecoded({ name }: Encoding, at: number): ErrorDetails {
  return {
    code: 'E_GGUF_ENCODING',
    kind: 'unsupported',
    message: `Values stored as ${name} are not decoded yet: its codes stand for entries of tables or for packed lists.`,
    where: { offset: at, field: 'type' },
    found: name,
    expected: 'F16 to F64, I8 to I64, Q4_0 to Q8_0, Q2_K to Q6_K or MXFP4',
  };
}

function offsetProblem(
  { source, header }: GgufPart,
  { offset, at }: TensorInfo,
  start: number,
  bytes: number,
): ErrorDetails | undefined {
  const where = { offset: at, field: 'offset' };
  if (typeof offset === 'bigint' || offset % header.alignment !== 0) {
    return {
      code: 'E_GGUF_OFFSET',
      kind: 'malformed',
      message: 'The tensor starts where none can.',
      where,
      found: `${offset}`,
      expected: `a multiple of ${header.alignment}`,
    };
  }
  if (start + bytes <= source.size) return undefined;
  return {
    code: 'E_GGUF_TRUNCATED',
    kind: 'malformed',
    message: 'The file ends before the tensor does.',
    where,
    found: `${Math.max(0, source.size - start)} bytes`,
    expected: `${bytes} from byte ${start} on`,
    hint: 'The download or copy stopped; fetch the file again.',
  };
}

function recordOf(
  name: string,
  encoding: Encoding | undefined,
  shape: readonly number[],
  bytes: number,
  problem: ErrorDetails | undefined,
): TensorRecord {
  const dtype = encoding?.dtype ?? 'float32';
  return {
    dtype,
    shape,
    strides: contiguousStrides(shape),
    storageOffset: 0,
    storage: { key: name, dtype, location: 'cpu', numel: numel(shape), entry: '' },
    requiresGrad: false,
    ...(encoding === undefined || encoding.blockSize > 1
      ? { encoding: { name: encoding?.name ?? 'unknown', bytes } }
      : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Of two tensors on the same bytes at most one is what it seems; both are named. */
function markOverlaps(placed: readonly Placed[]): Placed[] {
  const sorted = placed
    .filter(({ payload }) => payload !== undefined && payload.bytes > 0)
    .sort((a, b) => offsetOf(a) - offsetOf(b));
  const bad = new Map<Placed, Placed>();
  let furthest: Placed | undefined;
  for (const one of sorted) {
    if (furthest !== undefined && offsetOf(one) < endOf(furthest)) {
      bad.set(one, furthest);
      if (!bad.has(furthest)) bad.set(furthest, one);
    }
    if (furthest === undefined || endOf(one) > endOf(furthest)) furthest = one;
  }
  if (bad.size === 0) return [...placed];
  return placed.map((one) => {
    const other = bad.get(one);
    if (other === undefined) return one;
    const problem: ErrorDetails = {
      code: 'E_GGUF_OVERLAP',
      kind: 'malformed',
      message: 'The tensor shares bytes with another one.',
      where: { offset: offsetOf(one), field: 'offset' },
      found: `bytes ${offsetOf(one)} to ${endOf(one)}, and ${JSON.stringify(other.name.slice(0, 80))} has ${offsetOf(other)} to ${endOf(other)}`,
      expected: 'bytes of its own',
    };
    return { name: one.name, record: { ...one.record, problem } };
  });
}

const offsetOf = ({ payload }: Placed) => payload?.offset ?? 0;
const endOf = ({ payload }: Placed) => (payload === undefined ? 0 : payload.offset + payload.bytes);

/** Whether the tensors follow each other as llama.cpp writes and demands: in order and without gaps. */
export function inOrder({ header }: GgufPart, placed: readonly Placed[]): boolean {
  let expected = header.dataStart;
  for (const { payload } of placed) {
    if (payload === undefined) return true;
    if (payload.offset !== expected) return false;
    expected += Math.ceil(payload.bytes / header.alignment) * header.alignment;
  }
  return true;
}

/** True when so many values of a dtype of this width fit into memory. */
export function fitsMemory(count: number, width: number): boolean {
  return count * width <= maxTensorBytes;
}
