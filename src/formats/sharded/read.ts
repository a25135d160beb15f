import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { QuantscopeError, unsupported } from '../../core/errors';
import { quotedName } from '../../core/text';
import { overallVerdict } from '../pickle/safety';
import type { ModelFile, NamedTensor, TensorRecord, Warning } from '../types';
import { cappedWarnings } from '../warnings';
import { readIndex } from './indexFile';
import { maxMissing } from './limits';
import type { ShardIndex } from './types';

/** Opens one shard as a file of its own, of any format but an index. */
export type OpenShard = (source: ByteSource, abort: AbortCheck) => Promise<ModelFile>;

interface Shard {
  readonly name: string;
  readonly file: ModelFile;
}

/** The model that an index joins out of its shards; a shard that is missing or damaged is said and left out. */
export async function openSharded(source: ByteSource, abort: AbortCheck, openShard: OpenShard): Promise<ModelFile> {
  const index = await readIndex(source, abort);
  if (source.sibling === undefined) {
    throw unsupported('E_INDEX_ALONE', 'The shards of this index cannot be reached from here.', {
      hint: 'Open the index where its shards are: in a folder on disk.',
    });
  }
  const warnings: Warning[] = [...index.warnings];
  const shards: Shard[] = [];
  const unread = new Map<string, string>();
  for (const name of index.shards) {
    abort.throwIfAborted();
    const opened = await openOne(source, name, abort, openShard);
    if (typeof opened === 'string') {
      unread.set(name, opened);
      warnings.push({ code: 'E_SHARD', message: `The shard ${quotedName(name)} ${opened}` });
    } else {
      shards.push({ name, file: opened.file });
      if (opened.hardLinked) warnings.push(hardLinkWarning(name));
      for (const { code, message } of opened.file.warnings) {
        if (code !== 'E_ST_SHARD') warnings.push({ code, message: `${name}: ${message}` });
      }
    }
  }
  return join(source, index, shards, unread, warnings);
}

function hardLinkWarning(name: string): Warning {
  return {
    code: 'E_SHARD_HARDLINK',
    message: `The shard ${quotedName(name)} has another name elsewhere on the disk; make sure that it belongs to the model.`,
  };
}

/** A link out of the folder, a pipe or a file that changes is no accident of copying. */
const fatal = new Set(['E_SIBLING_PATH', 'E_NOT_A_FILE', 'E_FILE_CHANGED']);

/** The open shard, or why there is none, as the end of a sentence. */
async function openOne(
  source: ByteSource,
  name: string,
  abort: AbortCheck,
  openShard: OpenShard,
): Promise<string | { readonly file: ModelFile; readonly hardLinked: boolean }> {
  try {
    const shard = await source.sibling?.(name);
    if (shard === undefined) return 'is missing.';
    return { file: await openShard(shard, abort), hardLinked: shard.hardLinked ?? false };
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted' || fatal.has(error.code)) throw error;
    return `cannot be read: ${error.message}`;
  }
}

function join(
  source: ByteSource,
  index: ShardIndex,
  shards: readonly Shard[],
  unread: ReadonlyMap<string, string>,
  warnings: Warning[],
): ModelFile {
  const { tensors, owners } = mergeTensors(index, shards, warnings);
  const absent = missing(index, new Set(tensors.map(({ name }) => name)), unread, warnings);
  const globals = shards.flatMap(({ file }) => [...file.safety.globals]);
  const kind = shards[0]?.file.label;
  return {
    format: 'sharded',
    label: `${kind === undefined ? '' : `${kind}, `}${index.shards.length} shards`,
    bytes: shards.reduce((sum, { file }) => sum + file.bytes, source.size),
    torchStyle: shards[0]?.file.torchStyle,
    tensors,
    metadata: Object.fromEntries([
      ...index.metadata,
      ...shards.flatMap(({ file }) => Object.entries(file.metadata)).filter(([key]) => !index.metadata.has(key)),
    ]),
    moduleVersions: new Map(shards.flatMap(({ file }) => [...file.moduleVersions])),
    moduleTypes: new Map(shards.flatMap(({ file }) => [...file.moduleTypes])),
    warnings: cappedWarnings(warnings),
    safety: { verdict: overallVerdict(globals), globals },
    opaque: [...shards.flatMap(({ file }) => [...file.opaque]), ...absent],
    async readTensor(tensor, abort) {
      const owner = owners.get(tensor);
      if (owner === undefined) throw unsupported('E_SHARD', 'The tensor belongs to no shard that is open.');
      return owner.file.readTensor(tensor, abort);
    },
    readRange: async (tensor, start, count, abort, into) =>
      owners.get(tensor)?.file.readRange?.(tensor, start, count, abort, into),
  };
}

/** Every tensor once: where two shards have one, the shard that the index names has the right one. */
function mergeTensors(index: ShardIndex, shards: readonly Shard[], warnings: Warning[]) {
  const byName = new Map<string, { readonly tensor: NamedTensor; readonly shard: Shard }>();
  const twice: string[] = [];
  const unlisted: string[] = [];
  for (const shard of shards) {
    for (const tensor of shard.file.tensors) {
      const { name } = tensor;
      const listed = index.shardOf.get(name);
      if (listed === undefined) unlisted.push(name);
      if (byName.has(name)) twice.push(name);
      if (!byName.has(name) || listed === shard.name) byName.set(name, { tensor, shard });
    }
  }
  if (twice.length > 0) {
    warnings.push({
      code: 'E_SHARD_TWICE',
      message: `${some(twice)} in two shards; the one that the index names counts.`,
    });
  }
  if (unlisted.length > 0) {
    warnings.push({ code: 'E_SHARD_UNLISTED', message: `${some(unlisted)} in a shard, but not in the index.` });
  }
  const owners = new Map<TensorRecord, Shard>();
  const tensors: NamedTensor[] = [];
  for (const { tensor, shard } of byName.values()) {
    tensors.push(tensor);
    owners.set(tensor.tensor, shard);
  }
  return { tensors, owners };
}

/** Tensors that the index promises and no open shard has, as things that could not be built. */
function missing(
  index: ShardIndex,
  there: ReadonlySet<string>,
  unread: ReadonlyMap<string, string>,
  warnings: Warning[],
): { path: string; name: string }[] {
  const absent: (readonly [tensor: string, shard: string])[] = [];
  for (const entry of index.shardOf) if (!there.has(entry[0])) absent.push(entry);
  const unexplained = absent.filter(([, shard]) => !unread.has(shard)).map(([name]) => name);
  if (unexplained.length > 0) {
    warnings.push({ code: 'E_SHARD_MISSING', message: `${some(unexplained)} in the index, but not in its shard.` });
  }
  return absent.slice(0, maxMissing).map(([path, shard]) => ({
    path,
    name: `tensor of ${shard}, which ${unread.get(shard) ?? 'does not have it.'}`.slice(0, 200),
  }));
}

/** `"a", "b", "c" and 5 more tensors are`. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(quotedName).join(', ');
  const more = names.length - 3;
  return `${shown}${more > 0 ? ` and ${more} more tensors are` : names.length === 1 ? ' is' : ' are'}`;
}
