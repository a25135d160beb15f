import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, QuantscopeError, unsupported } from '../../core/errors';
import { maxPickleBytes } from '../pickle/limits';
import { kindOf, readPickle } from '../pickle/read';
import { clip, displayName, judgeGlobals, overallVerdict, worstFirst } from '../pickle/safety';
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
  const judged = [judgePickle(pickle.name, result), ...(await otherPickles(source, archive, pickle, abort))];
  const globals = worstFirst(judged.flatMap((one) => one.globals));
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
    modules: found.modules,
    warnings: capped([
      ...judged.flatMap((one) => one.warnings),
      ...archive.warnings,
      ...result.warnings,
      ...found.warnings,
      ...problemWarnings(found.tensors),
    ]),
    safety: { verdict: overallVerdict(globals), globals },
    opaque: found.opaque,
    readTensor: (tensor, check) => readTensorBytes(source, tensor, byName.get(tensor.storage.entry), bigEndian, check),
  };
}

/** More warnings than a person reads; a hostile archive can cause millions. */
const maxWarnings = 100;

function capped(warnings: readonly Warning[]): Warning[] {
  if (warnings.length <= maxWarnings) return [...warnings];
  const more = warnings.length - maxWarnings;
  return [...warnings.slice(0, maxWarnings), { code: 'E_PT_LIMIT', message: `There are ${more} more warnings.` }];
}

interface Judged {
  readonly globals: readonly GlobalUse[];
  readonly warnings: readonly Warning[];
}

function judgePickle(entry: string, result: PickleResult): Judged {
  const globals = judgeGlobals(result.globals, benignCalls(result));
  return { globals, warnings: dangerWarnings(globals, entry, result) };
}

/** Pickles beside data.pkl that are judged; TorchScript has one or two. */
const maxOtherPickles = 16;
const maxOtherBytes = 64 * 1024 * 1024;

/** Other tools load other pickles of an archive, such as the last of two with one name. */
async function otherPickles(
  source: ByteSource,
  { entries }: ZipArchive,
  loaded: ZipEntry,
  abort: AbortCheck,
): Promise<Judged[]> {
  const judged: Judged[] = [];
  const others = entries.filter((entry) => entry !== loaded && /\.pkl$/i.test(entry.name));
  for (const entry of others.slice(0, maxOtherPickles)) {
    try {
      judged.push(
        judgePickle(entry.name, readPickle(await readEntry(source, entry, maxOtherBytes), entry.name, abort)),
      );
    } catch (error) {
      if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
      judged.push(unjudged(`The pickle ${JSON.stringify(entry.name.slice(0, 80))} cannot be judged: ${error.message}`));
    }
  }
  const more = others.length - maxOtherPickles;
  if (more > 0) judged.push(unjudged(`${more} more pickles of the archive were not judged.`));
  return judged;
}

function unjudged(message: string): Judged {
  return { globals: [], warnings: [{ code: 'E_PICKLE_UNJUDGED', message }] };
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

/**
 * `getattr(torch, 'contiguous_format')` is how PyTorch 2.6 writes a memory format: data, not danger.
 * Only a name that is used for nothing else, not even in a value that is thrown away, is harmless.
 */
function benignCalls({ root, globals }: PickleResult): ReadonlySet<PickleGlobal> {
  const benign = new Set<PickleGlobal>();
  if (!globals.some(({ global }) => global.name === 'getattr')) return benign;
  const formats = new Map<PickleGlobal, number>();
  for (const call of callsIn(root)) {
    const { callee } = call;
    if (callee instanceof PickleGlobal && isMemoryFormat(call)) formats.set(callee, (formats.get(callee) ?? 0) + 1);
  }
  for (const { global, pushes } of globals) if (formats.get(global) === pushes) benign.add(global);
  return benign;
}

/** Every call that the root reaches, once. */
function* callsIn(root: PickleValue): Generator<PickleCall> {
  const seen = new Set<PickleValue>();
  const stack: PickleValue[] = [root];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof PickleCall) yield value;
    for (const inside of insideOf(value)) stack.push(inside);
  }
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
  const dangerous = globals.filter(({ verdict }) => verdict === 'dangerous');
  if (dangerous.length === 0) return [];
  const calls = callTexts(result);
  return dangerous.map(({ module, name, offset, use }) => ({
    code: 'E_PICKLE_DANGEROUS',
    message: `This file asks Python to run ${displayName(module, name)}. Quantscope did not run it. It stands in ${entry} at byte ${offset}${use === 'called' ? ` as ${calls.get(`${module}\n${name}`) ?? `${clip(`${module}.${name}`)}(…)`}` : ', named but not called'}. torch.load with weights_only=False would run it.`,
  }));
}

const maxArgumentText = 120;

/** `posix.system("echo")` by module and name, as far as the arguments are plain. */
function callTexts({ root }: PickleResult): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { callee, args } of callsIn(root)) {
    if (!(callee instanceof PickleGlobal)) continue;
    const key = `${callee.module}\n${callee.name}`;
    if (!texts.has(key)) texts.set(key, `${clip(callee.fullName)}(${argumentText(args)})`);
  }
  return texts;
}

function argumentText(args: PickleValue): string {
  const items = args instanceof PickleTuple ? args.items : [args];
  const texts = items.slice(0, maxArgumentText).map((arg) => {
    if (typeof arg === 'string') return JSON.stringify(arg.slice(0, maxArgumentText));
    return typeof arg === 'number' ? String(arg) : kindOf(arg);
  });
  return texts.join(', ').slice(0, maxArgumentText);
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
      message: `${clip(first.name)}${more} cannot be read: ${first.tensor.problem?.message}`,
    },
  ];
}
