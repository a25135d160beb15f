import type { AbortCheck } from '../../core/abort';
import { type ByteSource, bytesSource } from '../../core/byteSource';
import { byteLength, dtypes } from '../../core/dtype';
import { type ErrorDetails, QuantscopeError } from '../../core/errors';
import { readPickle } from '../pickle/read';
import type { ModelFile, NamedTensor } from '../types';
import { type Locate, locator } from '../zip/locate';
import { readEntry, readZip } from '../zip/read';
import type { ZipArchive, ZipEntry } from '../zip/types';
import { verifyEntries } from '../zip/verify';
import { archiveTensors } from './archiveTensors';
import { assemble } from './assemble';
import { type ExportedWeight, exportedWeights } from './exportedWeights';
import { type Judged, judgePickle, unjudged } from './judge';
import { maxConfigBytes, maxRank } from './limits';
import { nativeCodeWarnings } from './nativeCode';
import { unreadable } from './problem';
import { viewFits } from './viewFits';

/** The folder of what torch.export.save wrote; undefined for other archives. */
export function exportedPrefix({ entries }: ZipArchive): string | undefined {
  const marker = 'archive_format';
  const name = entries.find((entry) => /^([^/]+\/)?archive_format$/.test(entry.name))?.name;
  return name?.slice(0, -marker.length);
}

/**
 * An exported program (.pt2): weights are records of bare bytes, described by JSON. The program
 * itself is listed and not run. Source: torch/export/pt2_archive/_package.py of PyTorch 2.13.
 */
export async function openExported(
  source: ByteSource,
  archive: ZipArchive,
  prefix: string,
  bigEndian: boolean,
  abort: AbortCheck,
): Promise<ModelFile> {
  const locate = locator(archive.entries);
  const tensors: NamedTensor[] = [];
  for (const config of archive.entries.filter(({ name }) => isConfig(name, prefix))) {
    const folder = config.name.slice(0, config.name.lastIndexOf('/') + 1);
    const weights = exportedWeights(await readEntry(source, config, maxConfigBytes), abort);
    for (const weight of weights) tensors.push(tensorOf(weight, folder, config.name, locate));
  }
  const file = await assemble(
    {
      format: 'torch-export',
      label: 'PyTorch exported program',
      bytes: source.size,
      torchStyle: '2',
      found: {
        tensors,
        moduleTypes: new Map(),
        moduleVersions: new Map(),
        modules: new Map(),
        metadata: {},
        opaque: programs(archive, prefix),
        warnings: [],
        composites: [],
        label: '',
      },
      judged: await judgeArchivesInside(source, archive, abort),
      warnings: [...archive.warnings, ...nativeCodeWarnings(archive.entries)],
      ...archiveTensors(source, locate, bigEndian),
    },
    abort,
  );
  return { ...file, verify: (check, progress) => verifyEntries(source, archive.entries, check, progress) };
}

function isConfig(name: string, prefix: string): boolean {
  return name.startsWith(`${prefix}data/`) && /\/(weights|constants)\/[^/]*_config\.json$/.test(name);
}

function programs({ entries }: ZipArchive, prefix: string): { path: string; name: string }[] {
  return entries
    .filter(({ name }) => name.startsWith(`${prefix}models/`) && name.endsWith('.json'))
    .map(({ name }) => ({ path: name.slice(prefix.length), name: 'a graph of torch.export' }));
}

function tensorOf(weight: ExportedWeight, folder: string, config: string, locate: Locate): NamedTensor {
  const { name, path, sizes, strides, offset, dtype = 'uint8', isParameter } = weight;
  const entry = locate(`${folder}${path}`);
  const numel = Math.floor((entry?.size ?? 0) / dtypes[dtype].bytes);
  const problem = problemOf(weight, entry, config);
  const storage = { key: path, dtype, location: 'cpu', numel, entry: entry?.name ?? '' };
  if (problem !== undefined && !isPlausible(weight)) return { name, tensor: { ...unreadable, problem } };
  const record = { dtype, shape: sizes, strides, storageOffset: offset, storage, requiresGrad: isParameter };
  return { name, tensor: problem === undefined ? record : { ...record, problem } };
}

function isPlausible({ sizes, strides, offset }: ExportedWeight): boolean {
  return [...sizes, ...strides, offset].every((value) => Number.isSafeInteger(value) && value >= 0);
}

function problemOf(weight: ExportedWeight, entry: ZipEntry | undefined, config: string): ErrorDetails | undefined {
  const { name, path, pickled, dtype, sizes, strides, offset } = weight;
  const where = { entry: config, offset: 0, field: name.slice(0, 80) };
  const fail = (code: string, message: string, rest: Partial<ErrorDetails> = {}): ErrorDetails => ({
    kind: 'malformed',
    where,
    ...rest,
    code,
    message,
  });
  if (entry === undefined)
    return fail('E_PT_STORAGE_MISSING', `The record ${JSON.stringify(path.slice(0, 80))} is missing.`);
  if (pickled)
    return fail('E_PT_EXPORT_PICKLE', 'This weight is a file of torch.save inside the archive, which is not read.', {
      kind: 'unsupported',
    });
  if (dtype === undefined) return fail('E_PT_DTYPE', 'The weight has an element type that PyTorch does not know.');
  if (!isPlausible(weight) || sizes.length > maxRank)
    return fail('E_PT_ARGUMENT', 'Sizes, strides or offset of the weight are no whole numbers that fit.');
  const outside = viewFits(entry.size, offset, sizes, strides, dtype);
  return (
    outside &&
    fail('E_TENSOR_OOB', `The tensor of ${byteLength(dtype, 1)}-byte elements reaches outside its record.`, outside)
  );
}

/** Archives in the archive, such as the sample inputs: Python would load their pickles. */
const maxInside = 16;
const maxInsideBytes = 64 * 1024 * 1024;

async function judgeArchivesInside(source: ByteSource, { entries }: ZipArchive, abort: AbortCheck): Promise<Judged[]> {
  const judged: Judged[] = [];
  const inside = entries.filter(({ name }) => /\.(pt|pkl)$/i.test(name));
  for (const entry of inside.slice(0, maxInside)) judged.push(await judgeInside(source, entry, abort));
  if (inside.length > maxInside)
    judged.push(unjudged(`${inside.length - maxInside} more archives inside were not judged.`));
  return judged;
}

async function judgeInside(source: ByteSource, entry: ZipEntry, abort: AbortCheck): Promise<Judged> {
  try {
    const bytes = await readEntry(source, entry, maxInsideBytes);
    if (/\.pkl$/i.test(entry.name)) return judgePickle(entry.name, readPickle(bytes, entry.name, abort));
    const inner = bytesSource(bytes, entry.name);
    const { entries } = await readZip(inner);
    const pickle = entries.find(({ name }) => /^([^/]+\/)?data\.pkl$/i.test(name));
    if (pickle === undefined) return unjudged(`${JSON.stringify(entry.name.slice(0, 80))} has no data.pkl.`);
    const name = `${entry.name}/${pickle.name}`;
    return judgePickle(name, readPickle(await readEntry(inner, pickle, maxInsideBytes), name, abort));
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    return unjudged(`The archive ${JSON.stringify(entry.name.slice(0, 80))} inside cannot be judged: ${error.message}`);
  }
}
