import { constants, inflateRawSync } from 'node:zlib';
import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, QuantscopeError, unsupported } from '../../core/errors';
import { quotedName } from '../../core/text';
import type { ModelFile, Warning } from '../types';
import { dataOffset, readEntry, readZip, refuseUnreadable } from '../zip/read';
import type { ZipEntry } from '../zip/types';
import { type NpyArray, readArray } from './array';
import { headerEnd, parseHeader, preambleBytes } from './header';
import { maxArrays, maxPickleBytes, maxTensorBytes } from './limits';
import { assemble } from './model';

/** Whether an archive is numpy's: it has arrays, and no pickle of PyTorch's. */
export async function isNpz(source: ByteSource): Promise<boolean> {
  try {
    const { entries } = await readZip(source);
    return (
      entries.some(({ name }) => name.endsWith('.npy')) && !entries.some(({ name }) => /(^|\/)data\.pkl$/i.test(name))
    );
  } catch (error) {
    // A damaged archive of numpy's is still one.
    if (error instanceof QuantscopeError && error.details.kind !== 'io') return /\.npz$/i.test(source.name);
    throw error;
  }
}

/** An archive of arrays, as numpy.savez writes it. */
export async function openNpz(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const { entries, warnings: archiveWarnings } = await readZip(source);
  const members = entries.filter(({ name }) => name.endsWith('.npy'));
  if (members.length > maxArrays) {
    throw unsupported('E_NPY_LIMIT', `The archive has ${members.length} arrays; the limit is ${maxArrays}.`);
  }
  const warnings: Warning[] = archiveWarnings.map((warning) =>
    warning.code === 'E_ZIP_DUP_NAME'
      ? {
          ...warning,
          message: `${warning.message} NumPy and Quantscope take the last.`,
        }
      : warning,
  );
  const opaque = entries
    .filter(({ name }) => !name.endsWith('.npy') && !name.endsWith('/'))
    .slice(0, maxOthers)
    .map(({ name }) => ({ path: name, name: 'not a numpy array' }));
  const arrays = new Map<string, NpyArray>();
  for (const entry of members) {
    abort.throwIfAborted();
    const name = entry.name.slice(0, -'.npy'.length);
    try {
      arrays.set(name, await openMember(source, entry, name));
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'io') throw error;
      arrays.delete(name);
      opaque.push({ path: name, name: 'an array that cannot be read' });
      warnings.push({ code: error.code, message: `${quotedName(entry.name)} cannot be read: ${error.message}` });
    }
  }
  const about = { format: 'npz', label: 'NumPy archive', bytes: source.size };
  return assemble(about, [...arrays.values()], opaque, warnings, abort, readArray);
}

/** Other files that are listed. */
const maxOthers = 1_000;

async function openMember(source: ByteSource, entry: ZipEntry, name: string): Promise<NpyArray> {
  refuseUnreadable(entry);
  const start = await dataOffset(source, entry);
  const stored = entry.method === 'stored';
  const head = stored
    ? (length: number) => source.read(start, length)
    : (length: number) => inflateStart(source, start, entry, length);
  const preamble = await head(Math.min(preambleBytes, entry.size));
  const header = parseHeader(await head(headerEnd(preamble, entry.size)));
  const limit = header.element.isObject ? maxPickleBytes + header.dataStart : maxTensorBytes;
  return {
    name,
    entry: entry.name,
    header,
    size: entry.size,
    async read(length) {
      if (stored) return source.read(start + header.dataStart, length);
      return (await readEntry(source, entry, limit)).subarray(header.dataStart, header.dataStart + length);
    },
  };
}

/** Compressed bytes among which a header is looked for: nearly always in the first. */
const prefixBytes = [1_024, 4_096, 16_384, 131_072, 2 * 1024 * 1024];

/** What such a prefix may become: deflate grows the third of them to this, and only a bomb the last ones. */
const maxPrefixOutput = 32 * 1024 * 1024;

/** The first `length` bytes of a compressed entry, without inflating the rest. */
async function inflateStart(source: ByteSource, start: number, entry: ZipEntry, length: number): Promise<Uint8Array> {
  let found = 0;
  for (const bytes of prefixBytes) {
    const raw = await source.read(start, Math.min(bytes, entry.compressedSize));
    const part = inflatePart(raw);
    if (part === undefined) break;
    if (part.length >= length) return part.subarray(0, length);
    found = part.length;
    if (raw.length === entry.compressedSize) break;
  }
  throw malformed('E_ZIP_INFLATE', `The entry ${quotedName(entry.name)} does not inflate to the header of an array.`, {
    where: { entry: entry.name, offset: start },
    found: `${found} bytes`,
    expected: `${length}`,
  });
}

function inflatePart(raw: Uint8Array): Uint8Array | undefined {
  try {
    // A sync flush gives what there is; the end of the stream is not in the prefix.
    return inflateRawSync(raw, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: maxPrefixOutput });
  } catch {
    return undefined;
  }
}
