import type { AbortCheck } from '../../core/abort';
import { type ErrorDetails, malformed } from '../../core/errors';
import { contiguousStrides } from '../../core/shape';
import { quotedName } from '../../core/text';
import type { NamedTensor, Warning } from '../types';
import { elementTypes } from './dtypes';
import { maxRank } from './limits';
import type { Header, HeaderEntry, Layout } from './types';

/**
 * Checks every tensor's bytes against the others and the file. The reference reader wants the
 * tensors to cover the data without holes and overlaps; a hole is only said, since everything
 * around it is sound. `entry` names the file in the records.
 */
export function layOut(header: Header, fileSize: number, entry: string, abort: AbortCheck): Layout {
  const dataSize = fileSize - header.dataStart;
  const entries = inOrder(header.entries);
  const warnings: Warning[] = [];
  const tensors: NamedTensor[] = [];
  let previous: HeaderEntry | undefined;
  const gaps: (readonly [start: number, end: number])[] = [];
  let cut = 0;
  for (const one of entries) {
    if ((tensors.length & 0xfff) === 0) abort.throwIfAborted();
    const covered = previous?.end ?? 0;
    if (one.begin < covered) throw overlap(one, previous as HeaderEntry);
    if (one.begin > covered) gaps.push([header.dataStart + covered, header.dataStart + one.begin]);
    if (one.end > dataSize) cut++;
    tensors.push(tensorOf(one, header.dataStart, dataSize, entry, warnings));
    previous = one;
  }
  const rest = dataSize - (previous?.end ?? 0);
  const refused = 'the reference reader refuses this file.';
  if (cut > 0) {
    warnings.push({
      code: 'E_ST_CUT',
      message: `The file is cut off: ${-rest} bytes are missing, and ${cut} of ${entries.length} tensors with them.`,
    });
  } else if (rest > 0) {
    warnings.push({
      code: 'E_ST_GAP',
      message: `${rest} bytes follow the last tensor, from byte ${fileSize - rest} on; ${refused}`,
    });
  }
  const [gap] = gaps;
  if (gap !== undefined) {
    const more = gaps.length > 1 ? ` and those of ${gaps.length - 1} more gaps` : '';
    warnings.push({
      code: 'E_ST_GAP',
      message: `The bytes ${gap[0]} to ${gap[1]}${more} belong to no tensor; ${refused}`,
    });
  }
  return { tensors, warnings };
}

/** By start, then by end; files that the library wrote are in this order but for their names. */
function inOrder(entries: readonly HeaderEntry[]): readonly HeaderEntry[] {
  const sorted = entries.every((one, i) => i === 0 || entries[i - 1].end <= one.begin);
  return sorted ? entries : [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
}

function overlap(one: HeaderEntry, other: HeaderEntry) {
  return malformed('E_ST_OVERLAP', `The tensors ${quotedName(other.name)} and ${quotedName(one.name)} share bytes.`, {
    where: { offset: one.offset, field: 'data_offsets' },
    found: `[${one.begin}, ${one.end}] beside [${other.begin}, ${other.end}]`,
    expected: 'tensors that lie one behind the other',
    hint: 'The file is damaged or made to mislead; the reference reader refuses it too.',
  });
}

function halfByte(one: HeaderEntry) {
  return malformed('E_ST_SIZE', `The tensor ${quotedName(one.name)} would end inside a byte.`, {
    where: { offset: one.offset, field: 'shape' },
    found: `${one.count} elements of ${one.dtype}`,
    expected: 'whole bytes',
  });
}

function tensorOf(
  one: HeaderEntry,
  dataStart: number,
  dataSize: number,
  entry: string,
  warnings: Warning[],
): NamedTensor {
  const type = elementTypes.get(one.dtype);
  const bytes = one.end - one.begin;
  if (type !== undefined && (one.count * type.bits) % 8 !== 0) throw halfByte(one);
  const problem = problemOf(one, dataStart, dataSize);
  const packed = type !== undefined && type.bits < 8;
  const raw = type === undefined;
  const shape = raw ? [bytes] : one.shape.length > maxRank ? [one.count] : one.shape;
  if (one.shape.length > maxRank) {
    warnings.push({
      code: 'E_ST_RANK',
      message: `${quotedName(one.name)} has ${one.shape.length} dimensions; it is shown as one.`,
    });
  }
  if (problem !== undefined && problem.code !== 'E_ST_CUT' && warnings.length < maxProblemWarnings) {
    warnings.push({ code: problem.code, message: `${quotedName(one.name)} cannot be read: ${problem.message}` });
  }
  const dtype = type?.dtype ?? 'uint8';
  return {
    name: one.name,
    tensor: {
      dtype,
      shape,
      strides: contiguousStrides(shape),
      storageOffset: 0,
      storage: { key: '', dtype, location: 'cpu', numel: one.count, entry, offset: dataStart + one.begin },
      requiresGrad: false,
      ...(raw || packed ? { encoding: { name: one.dtype.slice(0, 40), bytes } } : {}),
      ...(problem === undefined ? {} : { problem }),
    },
  };
}

/** More than a person reads. */
const maxProblemWarnings = 20;

function problemOf(one: HeaderEntry, dataStart: number, dataSize: number): ErrorDetails | undefined {
  const type = elementTypes.get(one.dtype);
  const found = one.end - one.begin;
  const where = { offset: one.offset, tensor: one.name };
  if (one.end > dataSize) {
    const there = Math.max(0, dataSize - one.begin);
    return {
      code: 'E_ST_CUT',
      kind: 'malformed',
      message: `The file ends before the tensor does; ${found - there} of its ${found} bytes are missing.`,
      where: { offset: dataStart + dataSize, tensor: one.name },
      found: `${there} bytes`,
      expected: `${found}`,
      hint: 'The download or copy did not finish; fetch the file again.',
    };
  }
  if (type === undefined || type.unreadable !== undefined) {
    return {
      code: 'E_ST_DTYPE',
      kind: 'unsupported',
      message: `Values of dtype ${quotedName(one.dtype)} cannot be read: ${type?.unreadable ?? 'safetensors has no such dtype'}.`,
      where,
      found: quotedName(one.dtype),
    };
  }
  const bits = one.count * type.bits;
  if (bits / 8 === found) return undefined;
  return {
    code: 'E_ST_SIZE',
    kind: 'malformed',
    message: `The tensor’s shape and dtype need ${bits / 8} bytes, but its data offsets give it ${found}.`,
    where,
    found: `${found} bytes`,
    expected: `${one.count} × ${type.bits} bits`,
  };
}
