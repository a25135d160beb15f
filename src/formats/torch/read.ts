import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, unsupported } from '../../core/errors';
import { maxPickleBytes } from '../pickle/limits';
import { kindOf, readPickle } from '../pickle/read';
import { displayName, judgeGlobals, overallVerdict } from '../pickle/safety';
import { PickleCall, PickleGlobal, type PickleResult, PickleTuple, type PickleValue } from '../pickle/types';
import type { GlobalUse, ModelFile, Warning } from '../types';
import { readEntry, readZip } from '../zip/read';
import type { ZipArchive, ZipEntry } from '../zip/types';
import { collect } from './collect';
import { maxRecordBytes } from './limits';
import { readTensorBytes } from './readTensor';

/** PyTorch's zip container, 1.6 and later: the pickle is read, storages stay where they are. */
export async function openTorchZip(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const archive = await readZip(source);
  const { pickle, prefix } = findPickle(archive);
  const byName = firstByName(archive);
  await checkVersion(source, byName, prefix);
  const bigEndian = await isBigEndian(source, byName, prefix);
  const result = readPickle(await readEntry(source, pickle, maxPickleBytes), pickle.name, abort);
  const context = { entry: pickle.name, storageEntry: (key: string) => byName.get(`${prefix}data/${key}`) };
  const found = collect(result.root, context);
  const globals = judgeGlobals(result.globals, benignCalls(result));
  const script = byName.has(`${prefix}constants.pkl`);
  return {
    format: script ? 'torchscript' : 'torch-zip',
    label: script ? 'TorchScript module' : found.label,
    bytes: source.size,
    torchStyle: byName.has(`${prefix}.format_version`) ? '2' : '1.13',
    tensors: found.tensors,
    metadata: found.metadata,
    moduleVersions: found.moduleVersions,
    moduleTypes: found.moduleTypes,
    warnings: [
      ...dangerWarnings(globals, pickle.name, result),
      ...archive.warnings,
      ...result.warnings,
      ...found.warnings,
      ...problemWarnings(found.tensors),
    ],
    safety: { verdict: overallVerdict(globals), globals },
    opaque: found.opaque,
    readTensor: (tensor, check) => readTensorBytes(source, tensor, byName.get(tensor.storage.entry), bigEndian, check),
  };
}

/** The first of several entries with one name: what PyTorch loads. */
function firstByName({ entries }: ZipArchive): Map<string, ZipEntry> {
  const byName = new Map<string, ZipEntry>();
  for (const entry of entries) if (!byName.has(entry.name)) byName.set(entry.name, entry);
  return byName;
}

/** `data.pkl` in the archive's one top folder. */
function findPickle({ entries }: ZipArchive): { pickle: ZipEntry; prefix: string } {
  const pickle = entries.find(({ name }) => /^([^/]+\/)?data\.pkl$/i.test(name));
  if (pickle === undefined) {
    const names = entries.slice(0, 5).map(({ name }) => JSON.stringify(name.slice(0, 80)));
    throw malformed('E_PT_NO_PICKLE', 'This is a ZIP archive, but not one that PyTorch wrote: it has no data.pkl.', {
      found: `${names.join(', ')}${entries.length > 5 ? ` and ${entries.length - 5} more` : ''}`,
      expected: 'a folder with data.pkl, data/ and version',
      hint: 'Unpack it and open the model file inside, or check that this is the file you meant.',
    });
  }
  return { pickle, prefix: pickle.name.slice(0, -'data.pkl'.length) };
}

/** Highest container version that PyTorch has ever written or read. */
const maxVersion = 10;

async function checkVersion(source: ByteSource, byName: ReadonlyMap<string, ZipEntry>, prefix: string): Promise<void> {
  const entry = byName.get(`${prefix}version`) ?? byName.get(`${prefix}.data/version`);
  if (entry === undefined) {
    throw malformed('E_PT_VERSION', 'The archive has no version record; PyTorch refuses it too.', {
      where: { field: `${prefix}version` },
    });
  }
  const text = new TextDecoder().decode(await readEntry(source, entry, maxRecordBytes)).trim();
  if (!/^\d+$/.test(text) || Number(text) > maxVersion) {
    throw unsupported('E_PT_VERSION', 'The archive has a version that PyTorch does not know.', {
      where: { entry: entry.name },
      found: JSON.stringify(text.slice(0, 40)),
      expected: `a number up to ${maxVersion}`,
    });
  }
}

async function isBigEndian(
  source: ByteSource,
  byName: ReadonlyMap<string, ZipEntry>,
  prefix: string,
): Promise<boolean> {
  const entry = byName.get(`${prefix}byteorder`);
  if (entry === undefined) return false;
  const text = new TextDecoder().decode(await readEntry(source, entry, maxRecordBytes));
  if (text === 'little' || text === 'big') return text === 'big';
  throw malformed('E_PT_BYTEORDER', 'The archive names a byte order that does not exist.', {
    where: { entry: entry.name },
    found: JSON.stringify(text.slice(0, 40)),
    expected: '"little" or "big"',
  });
}

/** `getattr(torch, 'contiguous_format')` is how PyTorch 2.6 writes a memory format: data, not danger. */
function benignCalls({ root, globals }: PickleResult): ReadonlySet<PickleGlobal> {
  const benign = new Set<PickleGlobal>();
  if (!globals.some(({ global }) => global.name === 'getattr')) return benign;
  const seen = new Set<PickleValue>();
  const stack: PickleValue[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof PickleCall && isMemoryFormat(value) && value.callee instanceof PickleGlobal)
      benign.add(value.callee);
    for (const inside of insideOf(value)) stack.push(inside);
  }
  return benign;
}

function insideOf(value: PickleValue): PickleValue[] {
  if (value instanceof PickleTuple) return [...value.items];
  if (value instanceof PickleCall)
    return [value.args, ...(value.state === undefined ? [] : [value.state]), ...value.items, ...value.entries.flat()];
  if (typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries))
    return value.entries.flat();
  if (typeof value === 'object' && value !== null && 'items' in value) return [...(value.items as PickleValue[])];
  return [];
}

function isMemoryFormat({ callee, args }: PickleCall): boolean {
  if (!(callee instanceof PickleGlobal && callee.name === 'getattr' && /^(builtins|__builtin__)$/.test(callee.module)))
    return false;
  const [owner, attribute] = args instanceof PickleTuple ? args.items : [];
  const ofTorch = owner instanceof PickleGlobal && /^torch(\._utils\.torch)?$/.test(owner.fullName);
  return ofTorch && /^(contiguous_format|channels_last|channels_last_3d|preserve_format)$/.test(String(attribute));
}

function dangerWarnings(globals: readonly GlobalUse[], entry: string, result: PickleResult): Warning[] {
  return globals
    .filter(({ verdict }) => verdict === 'dangerous')
    .map(({ module, name, offset, use }) => ({
      code: 'E_PICKLE_DANGEROUS',
      message: `This file asks Python to run ${displayName(module, name)}. Quantscope did not run it. It stands in ${entry} at byte ${offset}${use === 'called' ? ` as ${callText(result, offset)}` : ', named but not called'}. torch.load with weights_only=False would run it.`,
    }));
}

const maxArgumentText = 120;

/** `posix.system("echo")`, as far as the arguments are plain. */
function callText({ globals, root }: PickleResult, offset: number): string {
  const global = globals.find((use) => use.global.offset === offset)?.global;
  if (global === undefined) return 'a call';
  const seen = new Set<PickleValue>();
  const stack: PickleValue[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof PickleCall && value.callee === global) {
      const args = value.args instanceof PickleTuple ? value.args.items : [value.args];
      const text = args
        .map((arg) =>
          typeof arg === 'string' ? JSON.stringify(arg) : typeof arg === 'number' ? String(arg) : kindOf(arg),
        )
        .join(', ');
      return `${global.fullName}(${text.slice(0, maxArgumentText)})`;
    }
    for (const inside of insideOf(value)) stack.push(inside);
  }
  return `${global.fullName}(…)`;
}

function problemWarnings(
  tensors: readonly {
    readonly name: string;
    readonly tensor: { readonly problem?: { readonly code: string; readonly message: string } };
  }[],
): Warning[] {
  const broken = tensors.filter(({ tensor }) => tensor.problem !== undefined);
  if (broken.length === 0) return [];
  const [first] = broken;
  const more = broken.length > 1 ? ` (and ${broken.length - 1} more)` : '';
  return [
    {
      code: first.tensor.problem?.code ?? 'E_TENSOR',
      message: `${first.name}${more} cannot be read: ${first.tensor.problem?.message}`,
    },
  ];
}
