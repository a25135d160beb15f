import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, QuantscopeError, unsupported } from '../../core/errors';
import { maxPickleBytes } from '../pickle/limits';
import { readPickle } from '../pickle/read';
import type { PickleResult, PickleValue } from '../pickle/types';
import type { ModelFile, ModulePickle, Warning } from '../types';
import { localMismatch } from '../zip/localHeader';
import { type Locate, locator } from '../zip/locate';
import { readDamaged, readEntry, readZip } from '../zip/read';
import { entriesFrom } from '../zip/recover';
import type { ZipArchive, ZipEntry } from '../zip/types';
import { verifyEntries } from '../zip/verify';
import { archiveTensors } from './archiveTensors';
import { assemble } from './assemble';
import { type Collected, collect } from './collect';
import { exportedPrefix, openExported } from './exported';
import { type Judged, judgeBehind, judgeFileCalls, judgePickle, unjudged } from './judge';
import { storageTypes } from './legacyStream';
import { maxRecordBytes } from './limits';
import { nativeCodeWarnings } from './nativeCode';
import { scriptProgram } from './program';
import { readScriptSource, scriptFacts, scriptSources } from './script';

/**
 * PyTorch's zip container, 1.6 and later: the pickle is read, storages stay where they are. With
 * `recordsFrom` the archive's directory is not believed: its records are looked for from that byte on.
 */
export async function openTorchZip(source: ByteSource, abort: AbortCheck, recordsFrom?: number): Promise<ModelFile> {
  const damaged = recordsFrom !== undefined;
  const archive = damaged ? await entriesFrom(source, recordsFrom) : await readZip(source);
  const locate = locator(archive.entries);
  const exported = exportedPrefix(archive);
  if (exported !== undefined) {
    const order = await readByteOrder(source, locate, exported);
    return openExported(source, archive, exported, order === 'big', abort);
  }
  const { pickle, prefix } = findPickle(archive, locate);
  if (!archive.recovered) await checkVersion(source, locate, prefix);
  const byteOrder = await readByteOrder(source, locate, prefix).catch((error) => {
    if (damaged) return undefined;
    throw error;
  });
  const script = locate(`${prefix}constants.pkl`);
  const sources = script === undefined ? new Map<string, ZipEntry>() : scriptSources(archive.entries, prefix);
  const { constants, fileCalls } = await scriptFacts(source, sources, abort);
  const { bytes, damage } = await readDamaged(source, pickle, maxPickleBytes);
  const result = readDamagedPickle(bytes, pickle.name, damage, abort);
  const storageEntry = (folder: string) => (key: string) => locate(`${prefix}${folder}/${key}`);
  const found = collect(result.root, { entry: pickle.name, storageEntry: storageEntry('data') }, constants);
  if (script !== undefined) await collectConstants(source, script, storageEntry('constants'), found, abort);
  const others = await otherPickles(source, archive, pickle, abort);
  const behind = judgeBehind(bytes, result.length, pickle.name, abort);
  const judged = [
    judgePickle(pickle.name, result),
    ...behind,
    ...others.map(({ judged: one }) => one),
    judgeFileCalls(fileCalls),
  ];
  const isScript = script !== undefined;
  // TorchScript has the byte order only; state dicts of 2.1 to 2.5 too, whose other records are those of 1.13.
  const current = locate(`${prefix}.format_version`) !== undefined || (isScript && byteOrder !== undefined);
  const file = await assemble(
    {
      format: isScript ? 'torchscript' : 'torch-zip',
      label: isScript ? scriptLabel(locate(`${prefix}bytecode.pkl`)) : found.label,
      bytes: source.size,
      torchStyle: current ? '2' : '1.13',
      found,
      judged,
      warnings: [
        ...(damage === undefined
          ? []
          : [{ code: damage.code, message: `${damage.message} What follows may be wrong.` }]),
        ...archive.warnings,
        ...result.warnings,
        ...(archive.recovered ? recoveredStorages(result, storageEntry('data')) : []),
        ...otherContents(pickle, found, others, storageEntry('data')),
        ...(await recordWarnings(source, archive, [pickle, ...others.map(({ entry }) => entry)], locate, prefix)),
      ],
      ...archiveTensors(source, locate, byteOrder === 'big'),
    },
    abort,
  );
  const verify: ModelFile['verify'] = (check, progress) => verifyEntries(source, archive.entries, check, progress);
  if (!isScript) {
    const modulePickle: ModulePickle = {
      entry: pickle.name,
      read: () => readEntry(source, pickle, maxPickleBytes),
      storageEntry: (key) => locate(`${prefix}data/${key}`)?.name ?? '',
    };
    return { ...file, verify, modulePickle };
  }
  return {
    ...file,
    verify,
    sources: [...sources].map(([name, { size }]) => ({ name, bytes: size })),
    readSource: (name) => readScriptSource(source, sources, name),
    program: scriptProgram(source, result.root, pickle.name, prefix, locate),
  };
}

/** Mobile's lite interpreter has the same module, and its code a second time as bytecode. */
function scriptLabel(bytecode: ZipEntry | undefined): string {
  return bytecode === undefined ? 'TorchScript module' : 'TorchScript module for mobile';
}

/** Tensors that a traced or scripted module uses without owning them. */
async function collectConstants(
  source: ByteSource,
  entry: ZipEntry,
  storageEntry: (key: string) => ZipEntry | undefined,
  found: Collected,
  abort: AbortCheck,
): Promise<void> {
  try {
    const { root } = readPickle(await readEntry(source, entry, maxOtherBytes), entry.name, abort);
    const { tensors, opaque } = collect(root, { entry: entry.name, storageEntry });
    for (const { name, tensor } of tensors) found.tensors.push({ name: `constants.${name}`, tensor });
    for (const { path, name } of opaque) found.opaque.push({ path: `constants.${path}`, name });
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    found.warnings.push({ code: error.code, message: `The constants cannot be read: ${error.message}` });
  }
}

/** Pickles beside data.pkl that are judged; TorchScript has one or two. */
const maxOtherPickles = 16;
const maxOtherBytes = 64 * 1024 * 1024;

interface OtherPickle {
  readonly entry: ZipEntry;
  readonly judged: Judged;
  readonly root: PickleValue | undefined;
}

/** Other tools load other pickles of an archive, such as the last of two with one name. */
async function otherPickles(
  source: ByteSource,
  { entries }: ZipArchive,
  loaded: ZipEntry,
  abort: AbortCheck,
): Promise<OtherPickle[]> {
  const judged: OtherPickle[] = [];
  const others = entries.filter((entry) => entry !== loaded && /\.pkl$/i.test(entry.name));
  for (const entry of others.slice(0, maxOtherPickles)) {
    try {
      const result = readPickle(await readEntry(source, entry, maxOtherBytes), entry.name, abort);
      judged.push({ entry, judged: judgePickle(entry.name, result), root: result.root });
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      const message = `The pickle ${JSON.stringify(entry.name.slice(0, 80))} cannot be judged: ${error.message}`;
      judged.push({ entry, judged: unjudged(message), root: undefined });
    }
  }
  const more = others.length - maxOtherPickles;
  if (more > 0) {
    const message = `${more} more pickles of the archive were not judged.`;
    judged.push({ entry: others[maxOtherPickles], judged: unjudged(message), root: undefined });
  }
  return judged;
}

/** A damaged pickle is read as far as it makes sense; one that makes none is refused for its checksum. */
function readDamagedPickle(
  bytes: Uint8Array,
  entry: string,
  damage: QuantscopeError | undefined,
  abort: AbortCheck,
): PickleResult {
  try {
    return readPickle(bytes, entry, abort);
  } catch (error) {
    if (damage === undefined || !(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    throw damage;
  }
}

/** `data.pkl` in the archive's one top folder. */
function findPickle({ entries }: ZipArchive, locate: Locate): { pickle: ZipEntry; prefix: string } {
  const first = entries.find(({ name }) => /^([^/]+\/)?data\.pkl$/i.test(name));
  const pickle = first && locate(first.name);
  if (pickle === undefined) {
    if (entries.some(({ name }) => /^([^/]+\/)?model\.json$/.test(name))) {
      throw unsupported(
        'E_PT_MODEL_JSON',
        'This is a TorchScript module of PyTorch 1.0 to 1.2, described by model.json.',
        {
          where: { offset: 0, field: 'data.pkl' },
          found: 'model.json and no data.pkl',
          expected: 'a folder with data.pkl, data/ and version',
          hint: 'Quantscope does not read this format; load it with torch.jit.load in PyTorch 1.3 to 2.x and save it again.',
        },
      );
    }
    const names = entries.slice(0, 5).map(({ name }) => JSON.stringify(name.slice(0, 80)));
    throw malformed('E_PT_NO_PICKLE', 'This is a ZIP archive, but not one that PyTorch wrote: it has no data.pkl.', {
      where: { offset: 0, field: 'data.pkl' },
      found: `${names.join(', ')}${entries.length > 5 ? ` and ${entries.length - 5} more` : ''}`,
      expected: 'a folder with data.pkl, data/ and version',
      hint: 'Unpack it and open the model file inside, or check that this is the file you meant.',
    });
  }
  return { pickle, prefix: pickle.name.slice(0, -'data.pkl'.length) };
}

const maxFolderNames = 4;

/** What is odd about the archive's records beside the pickle that is loaded. */
async function recordWarnings(
  source: ByteSource,
  { entries }: ZipArchive,
  pickles: readonly ZipEntry[],
  locate: Locate,
  prefix: string,
): Promise<Warning[]> {
  const warnings: Warning[] = [];
  for (const entry of pickles) {
    const other = await localMismatch(source, entry);
    if (other === undefined) continue;
    const message = `The header of ${JSON.stringify(entry.name.slice(0, 80))} at byte ${entry.headerOffset} says ${other}, the directory says otherwise; tools disagree about this entry.`;
    warnings.push({ code: 'E_ZIP_LOCAL', message });
  }
  const folders = new Set(
    entries.filter(({ name }) => /^[^/]+\/data\.pkl$/i.test(name)).map(({ name }) => name.split('/')[0]),
  );
  if (folders.size > 1) {
    const names = [...folders].slice(0, maxFolderNames).map((name) => JSON.stringify(name.slice(0, 40)));
    const message = `The archive has ${folders.size} folders with a data.pkl: ${names.join(', ')}. PyTorch refuses it.`;
    warnings.push({ code: 'E_PT_TWO_ROOTS', message });
  }
  warnings.push(...nativeCodeWarnings(entries));
  const alignment = locate(`${prefix}.storage_alignment`);
  if (alignment !== undefined && !(await isAlignment(source, alignment))) {
    const message = 'The record .storage_alignment holds no alignment that could be; it was ignored.';
    warnings.push({ code: 'E_PT_ALIGNMENT', message });
  }
  return warnings;
}

async function isAlignment(source: ByteSource, entry: ZipEntry): Promise<boolean> {
  try {
    const text = new TextDecoder().decode(await readEntry(source, entry, maxRecordBytes));
    return /^[1-9]\d{0,8}$/.test(text);
  } catch (error) {
    if (error instanceof QuantscopeError && error.details.kind !== 'aborted') return false;
    throw error;
  }
}

/** `412 of 512 storages are present`. */
function recoveredStorages(result: PickleResult, storageEntry: (key: string) => ZipEntry | undefined): Warning[] {
  const keys = [...storageTypes(result).keys()];
  const present = keys.filter((key) => storageEntry(key) !== undefined).length;
  return [
    {
      code: 'E_PT_RECOVERED',
      message: `${present} of ${keys.length} storages are present.`,
      values: [present, keys.length],
    },
  ];
}

/** What a tool that takes another pickle of the same name would show. */
function otherContents(
  loaded: ZipEntry,
  found: Collected,
  others: readonly OtherPickle[],
  storageEntry: (key: string) => ZipEntry | undefined,
): Warning[] {
  return others.flatMap(({ entry, root }) => {
    if (root === undefined || entry.name.toLowerCase() !== loaded.name.toLowerCase()) return [];
    const other = collect(root, { entry: entry.name, storageEntry });
    const message = `PyTorch loads the data.pkl at byte ${loaded.headerOffset} with ${found.tensors.length} tensors; other tools load the one at byte ${entry.headerOffset} with ${other.tensors.length} tensors${firstNames(other)}.`;
    return [{ code: 'E_PT_TWO_PICKLES', message }];
  });
}

function firstNames({ tensors }: Collected): string {
  if (tensors.length === 0) return '';
  const names = tensors.slice(0, 3).map(({ name }) => JSON.stringify(name.slice(0, 40)));
  return ` (${names.join(', ')}${tensors.length > 3 ? ', …' : ''})`;
}

/** Highest container version that PyTorch has ever written or read. */
const maxVersion = 10;

async function checkVersion(source: ByteSource, locate: Locate, prefix: string): Promise<void> {
  const entry = locate(`${prefix}version`) ?? locate(`${prefix}.data/version`);
  if (entry === undefined) {
    throw malformed('E_PT_VERSION', 'The archive has no version record; PyTorch refuses it too.', {
      where: { offset: 0, field: `${prefix}version` },
    });
  }
  const text = new TextDecoder().decode(await readEntry(source, entry, maxRecordBytes)).trim();
  if (!/^\d+$/.test(text) || Number(text) > maxVersion) {
    throw unsupported('E_PT_VERSION', 'The archive has a version that PyTorch does not know.', {
      where: { entry: entry.name, offset: 0 },
      found: JSON.stringify(text.slice(0, 40)),
      expected: `a number up to ${maxVersion}`,
    });
  }
}

async function readByteOrder(
  source: ByteSource,
  locate: Locate,
  prefix: string,
): Promise<'little' | 'big' | undefined> {
  const entry = locate(`${prefix}byteorder`);
  if (entry === undefined) return undefined;
  const text = new TextDecoder().decode(await readEntry(source, entry, maxRecordBytes));
  if (text === 'little' || text === 'big') return text;
  throw malformed('E_PT_BYTEORDER', 'The archive names a byte order that does not exist.', {
    where: { entry: entry.name, offset: 0 },
    found: JSON.stringify(text.slice(0, 40)),
    expected: '"little" or "big"',
  });
}
