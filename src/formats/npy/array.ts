import type { AbortCheck } from '../../core/abort';
import { dtypes } from '../../core/dtype';
import { QuantscopeError, unsupported } from '../../core/errors';
import { contiguousStrides, fortranStrides, numel } from '../../core/shape';
import { quotedName } from '../../core/text';
import { rowMajor, swapBytes } from '../elements';
import type { NamedTensor, TensorRecord, Warning } from '../types';
import { maxTensorBytes } from './limits';
import type { NpyHeader } from './types';

/** One array of a file or an archive. */
export interface NpyArray {
  readonly name: string;
  /** The archive's entry; empty for a file of its own. */
  readonly entry: string;
  readonly header: NpyHeader;
  /** Bytes of the array's file, header included. */
  readonly size: number;
  /** The first bytes of the data. */
  read(length: number): Promise<Uint8Array>;
}

/** The array as a tensor, checked against the bytes that are there. Object arrays are not tensors. */
export function tensorOf(array: NpyArray): { readonly tensor: NamedTensor; readonly warnings: readonly Warning[] } {
  const { name, entry, header, size } = array;
  const { element, shape, fortranOrder } = header;
  const count = numel(shape);
  const there = size - header.dataStart;
  const needed = element.bytes === undefined ? undefined : count * element.bytes;
  const problem = problemOf(array, needed);
  const warnings: Warning[] = [];
  if (problem !== undefined) {
    warnings.push({ code: problem.code, message: `${quotedName(name)} cannot be read: ${problem.message}` });
  } else if (needed !== undefined && there > needed) {
    warnings.push({
      code: 'E_NPY_TRAILING',
      message: `${there - needed} bytes follow the values of ${quotedName(name)}.`,
    });
  }
  const dtype = element.dtype ?? 'uint8';
  const record: TensorRecord = {
    dtype,
    shape,
    strides: fortranOrder ? fortranStrides(shape) : contiguousStrides(shape),
    storageOffset: 0,
    storage: { key: '', dtype, location: 'cpu', numel: count, entry, offset: header.dataStart },
    requiresGrad: false,
    ...(element.dtype === undefined ? { encoding: { name: header.descr.slice(0, 40), bytes: needed ?? there } } : {}),
    ...(problem === undefined ? {} : { problem }),
  };
  return { tensor: { name, tensor: record }, warnings };
}

function problemOf({ name, entry, header, size }: NpyArray, needed: number | undefined) {
  const { element, descr, dataStart } = header;
  const where = { ...(entry === '' ? {} : { entry }), offset: dataStart, tensor: name };
  const there = size - dataStart;
  if (needed !== undefined && needed > there) {
    return {
      code: 'E_NPY_CUT',
      kind: 'malformed',
      message: `The array needs ${needed.toLocaleString('en-US')} bytes, but has ${there.toLocaleString('en-US')}.`,
      where,
      found: `${there} bytes`,
      expected: `${needed}`,
      hint: 'The download or copy did not finish; fetch the file again.',
    } as const;
  }
  if (element.dtype !== undefined) return undefined;
  return {
    code: 'E_NPY_DTYPE',
    kind: 'unsupported',
    message: `Values of numpy’s dtype ${quotedName(descr)} are no numbers that PyTorch has.`,
    where,
    found: descr.slice(0, 80),
  } as const;
}

/** The array's values: little-endian, row-major. Throws the tensor's problem. */
export async function readArray(array: NpyArray, tensor: TensorRecord, abort: AbortCheck): Promise<Uint8Array> {
  if (tensor.problem !== undefined) throw new QuantscopeError(tensor.problem);
  const { header } = array;
  const bytes = numel(header.shape) * dtypes[tensor.dtype].bytes;
  if (bytes > maxTensorBytes) {
    throw unsupported('E_TENSOR_LIMIT', `The array has ${bytes} bytes; ${maxTensorBytes} fit into memory at once.`, {
      where: { offset: header.dataStart },
    });
  }
  abort.throwIfAborted();
  const raw = await array.read(bytes);
  abort.throwIfAborted();
  const ordered =
    header.fortranOrder && header.shape.length > 1
      ? rowMajor(raw, tensor.shape, tensor.strides, dtypes[tensor.dtype].bytes)
      : raw;
  return header.element.bigEndian ? swapBytes(ordered.slice(), tensor.dtype) : ordered;
}
