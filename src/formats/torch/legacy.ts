import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { QuantscopeError } from '../../core/errors';
import { maxPickleBytes } from '../pickle/limits';
import type { ModelFile, Warning } from '../types';
import { assemble } from './assemble';
import { collect } from './collect';
import { judgePickle } from './judge';
import { type LegacyHeader, type LegacyStorage, legacyStorage, readLegacyHeader, storageTypes } from './legacyStream';
import { readTensorBytes } from './readTensor';
import { rangeStorage } from './storage';

/** The stream of torch.save before 1.6: the pickles at its start are read, storages stay where they are. */
export async function openTorchLegacy(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const header = await readHeader(source, abort);
  const { storages, warnings } = await findStorages(source, header, abort);
  const byName = new Map([...storages.values()].map((storage) => [nameOf(storage.key), storage]));
  const found = collect(header.object.root, {
    entry: undefined,
    storageEntry(key) {
      const storage = storages.get(key);
      return storage && { name: nameOf(key), size: storage.size };
    },
  });
  return assemble(
    {
      format: 'torch-legacy',
      label: `${found.label} (before 1.6)`,
      bytes: source.size,
      torchStyle: '1.13',
      found,
      judged: [judgePickle(undefined, header.object)],
      warnings: [...header.warnings, ...warnings],
      readTensor: (tensor, check) => {
        const storage = byName.get(tensor.storage.entry);
        return readTensorBytes(storage && rangeStorage(source, nameOf(storage.key), storage), tensor, false, check);
      },
    },
    abort,
  );
}

function nameOf(key: string): string {
  return `storage ${key}`;
}

const firstRead = 1 << 16;

/** The pickles have no length before them: more is read until they are whole. */
async function readHeader(source: ByteSource, abort: AbortCheck): Promise<LegacyHeader> {
  for (let length = firstRead; ; length *= 8) {
    const size = Math.min(length, source.size, maxPickleBytes);
    const bytes = await source.read(0, size);
    try {
      return readLegacyHeader(bytes, abort);
    } catch (error) {
      const short = error instanceof QuantscopeError && error.code === 'E_PICKLE_TRUNCATED';
      if (!short || size === source.size || size === maxPickleBytes) throw error;
    }
  }
}

/** Walks the counts in front of the storages; what comes behind a damaged one cannot be found. */
async function findStorages(source: ByteSource, { object, keys, end }: LegacyHeader, abort: AbortCheck) {
  const types = storageTypes(object);
  const storages = new Map<string, LegacyStorage>();
  const warnings: Warning[] = [];
  let at = end;
  for (const key of keys) {
    abort.throwIfAborted();
    if (at + 8 > source.size) {
      warnings.push({
        code: 'E_PT_LEGACY_SHORT',
        message: `The file ends at byte ${source.size}: ${storages.size} of ${keys.length} storages are whole.`,
      });
      return { storages, warnings };
    }
    const found = legacyStorage(key, await source.read(at, 8), at, types, source.size);
    if ('code' in found) {
      warnings.push({ ...found, message: `${found.message} ${storages.size} of ${keys.length} storages are whole.` });
      return { storages, warnings };
    }
    if (storages.has(key)) {
      warnings.push({
        code: 'E_PT_LEGACY_KEY',
        message: `Two storages have the key ${JSON.stringify(key.slice(0, 80))}; PyTorch keeps the second.`,
      });
    }
    storages.set(key, found);
    at = found.offset + found.size;
  }
  if (at < source.size) warnings.push(await trailing(source, at));
  return { storages, warnings };
}

async function trailing(source: ByteSource, at: number): Promise<Warning> {
  const rest = source.size - at;
  const start = await source.read(at, Math.min(4, rest));
  if (start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4) {
    return {
      code: 'E_PT_TWO_MODELS',
      message: `A ZIP archive starts at byte ${at}, behind the model. PyTorch and Quantscope read the stream before it, other tools the archive: they disagree which model this is.`,
    };
  }
  return { code: 'E_PT_TRAILING', message: `${rest} bytes follow the last storage.` };
}
