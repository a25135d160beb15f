import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { byteLength, type DType } from '../../core/dtype';
import { type ErrorPlace, malformed, QuantscopeError } from '../../core/errors';
import { itemsOf, textOf } from '../pickle/access';
import { readPickle } from '../pickle/read';
import { PickleGlobal, type PickleResult, type PickleValue } from '../pickle/types';
import type { ModelFile, TensorRecord } from '../types';
import { assemble } from './assemble';
import { collect } from './collect';
import { storageDtype } from './dtypes';
import { judgePickle } from './judge';
import { keyText } from './legacyStream';
import { maxRank } from './limits';
import { isCount } from './persistent';
import { readTensorBytes } from './readTensor';
import { rangeStorage } from './storage';
import { type TarMember, tarMembers } from './tarMembers';
import { viewFits } from './viewFits';

/**
 * The tar archive of PyTorch 0.1: `storages`, `tensors` and `pickle`, whose persistent ids are
 * keys of tensors. Source: torch/serialization.py, legacy_load.
 */
export async function openTorchTar(source: ByteSource, abort: AbortCheck): Promise<ModelFile> {
  const members = await tarMembers(source);
  const member = (name: string): MemberReader => {
    const found = members.get(name);
    if (found === undefined) throw missing(name, members, source.size);
    return new MemberReader(source, found, abort);
  };
  const storages = await readStorages(member('storages'));
  const tensors = await readTensors(member('tensors'), storages);
  const result = await member('pickle').pickle();
  const found = collect(result.root, {
    entry: 'pickle',
    storageEntry: () => undefined,
    tensorOf: (id) => tensors.get(keyText(id)),
  });
  return assemble(
    {
      format: 'torch-tar',
      label: `${found.label} (0.1)`,
      bytes: source.size,
      torchStyle: '1.13',
      found,
      judged: [judgePickle('pickle', result)],
      warnings: result.warnings,
      readTensor: (tensor, check) => {
        const storage = storages.get(tensor.storage.key);
        const place = storage && rangeStorage(source, tensor.storage.entry, storage);
        return readTensorBytes(place, tensor, false, check);
      },
    },
    abort,
  );
}

function missing(name: string, members: ReadonlyMap<string, TarMember>, end: number): QuantscopeError {
  return malformed('E_TAR_MEMBER', `The tar archive has no member "${name}", which PyTorch 0.1 wrote.`, {
    where: { offset: end, field: name },
    found: [...members.keys()]
      .slice(0, 5)
      .map((key) => JSON.stringify(key.slice(0, 40)))
      .join(', '),
    expected: 'storages, tensors and pickle',
    hint: 'Unpack the archive and open the model file inside, or check that this is the file you meant.',
  });
}

const firstRead = 1 << 14;

/** Reads pickles and numbers one after the other out of a member. */
class MemberReader {
  private at = 0;

  constructor(
    private readonly source: ByteSource,
    private readonly member: TarMember,
    private readonly abort: AbortCheck,
  ) {}

  /** Where the next byte stands in the member. */
  get position(): number {
    return this.at;
  }

  /** Where the next byte stands in the file. */
  get offset(): number {
    return this.member.offset + this.at;
  }

  async bytes(length: number): Promise<Uint8Array> {
    if (length > this.member.size - this.at) {
      throw malformed('E_TAR_TRUNCATED', `The member "${this.member.name}" ends too soon.`, {
        where: { entry: this.member.name, offset: this.at },
        found: `${this.member.size - this.at} bytes`,
        expected: String(length),
        hint: 'The file was damaged; fetch it again from where it came from.',
      });
    }
    const bytes = await this.source.read(this.offset, length);
    this.at += length;
    return bytes;
  }

  skip(length: number): void {
    this.at = Math.min(this.at + length, this.member.size);
  }

  /** A pickle has no length before it: more is read until it is whole. */
  async pickle(): Promise<PickleResult> {
    this.abort.throwIfAborted();
    const rest = this.member.size - this.at;
    for (let length = firstRead; ; length *= 8) {
      const bytes = await this.source.read(this.offset, Math.min(length, rest));
      try {
        const result = readPickle(bytes, this.member.name, this.abort, { base: this.at, trailing: 'expected' });
        this.at += result.length;
        return result;
      } catch (error) {
        const short = error instanceof QuantscopeError && error.code === 'E_PICKLE_TRUNCATED';
        if (!short || length >= rest) throw error;
      }
    }
  }

  async int64(): Promise<number> {
    const bytes = await this.bytes(8);
    const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true);
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw malformed('E_TAR_NUMBER', `The member "${this.member.name}" holds a number that cannot be.`, {
      where: { entry: this.member.name, offset: this.at - 8 },
      found: String(value),
      expected: 'a number from 0 to 2^53',
    });
  }

  async int32(): Promise<number> {
    const bytes = await this.bytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
  }
}

interface TarStorage {
  readonly dtype: DType;
  readonly location: string;
  readonly offset: number;
  readonly size: number;
  readonly numel: number;
}

/** A count from a pickle, bounded by the member that must hold so many things. */
function count({ root }: PickleResult): number {
  return isCount(root) ? root : 0;
}

/** A count, then for each storage (key, location, type), its number of elements and the elements; then the views. */
async function readStorages(member: MemberReader): Promise<Map<string, TarStorage>> {
  const storages = new Map<string, TarStorage>();
  const total = count(await member.pickle());
  for (let i = 0; i < total; i++) {
    const at = member.position;
    const [key, location, type] = itemsOf((await member.pickle()).root);
    const dtype = type instanceof PickleGlobal ? storageDtype(type.module, type.name) : undefined;
    if (key === undefined || dtype === undefined) throw badMember('storages', at, type);
    const numel = await member.int64();
    const size = byteLength(dtype, numel);
    storages.set(keyText(key), { dtype, location: textOf(location) ?? '', offset: member.offset, size, numel });
    member.skip(size);
  }
  for (const view of itemsOf((await member.pickle()).root)) {
    const [target, root, offset, numel] = itemsOf(view);
    const base = storages.get(keyText(root ?? null));
    if (base === undefined || !isCount(offset) || !isCount(numel) || offset + numel > base.numel) continue;
    const start = base.offset + byteLength(base.dtype, offset);
    storages.set(keyText(target ?? null), { ...base, offset: start, size: byteLength(base.dtype, numel), numel });
  }
  return storages;
}

function badMember(name: string, offset: number, found?: PickleValue): QuantscopeError {
  return malformed('E_TAR_MEMBER', `The member "${name}" of the tar archive is not what PyTorch 0.1 wrote.`, {
    where: { entry: name, offset },
    found: found instanceof PickleGlobal ? found.fullName.slice(0, 80) : 'no such record',
    expected: '(key, location or storage, type)',
  });
}

/** A count, then for each tensor (key, storage key, type), dimensions, sizes, strides and the offset. */
async function readTensors(
  member: MemberReader,
  storages: ReadonlyMap<string, TarStorage>,
): Promise<Map<string, TensorRecord>> {
  const tensors = new Map<string, TensorRecord>();
  const total = count(await member.pickle());
  for (let i = 0; i < total; i++) {
    const at = member.position;
    const [key, storageKey] = itemsOf((await member.pickle()).root);
    if (key === undefined || storageKey === undefined) throw badMember('tensors', at);
    const rankAt = member.position;
    const rank = await member.int32();
    if (rank < 0 || rank > maxRank) throw badMember('tensors', rankAt);
    // Dimensions were eight bytes once.
    await member.bytes(4);
    const shape: number[] = [];
    const strides: number[] = [];
    for (let d = 0; d < rank; d++) shape.push(await member.int64());
    for (let d = 0; d < rank; d++) strides.push(await member.int64());
    const offset = await member.int64();
    const place = { entry: 'tensors', offset: at };
    tensors.set(keyText(key), record(keyText(storageKey), shape, strides, offset, storages, place));
  }
  return tensors;
}

function record(
  key: string,
  shape: readonly number[],
  strides: readonly number[],
  storageOffset: number,
  storages: ReadonlyMap<string, TarStorage>,
  where: ErrorPlace,
): TensorRecord {
  const storage = storages.get(key);
  const dtype = storage?.dtype ?? 'uint8';
  const made: TensorRecord = {
    dtype,
    shape,
    strides,
    storageOffset,
    storage: { key, dtype, location: storage?.location ?? '', numel: storage?.numel ?? 0, entry: `storage ${key}` },
    requiresGrad: false,
  };
  if (storage === undefined) {
    const message = `The storage ${JSON.stringify(key.slice(0, 80))} of a tensor is missing.`;
    return { ...made, problem: { code: 'E_PT_STORAGE_MISSING', kind: 'malformed', message, where } };
  }
  const outside = viewFits(storage.size, storageOffset, shape, strides, dtype);
  if (outside === undefined) return made;
  const message = 'The tensor reaches outside its storage.';
  return { ...made, problem: { code: 'E_TENSOR_OOB', kind: 'malformed', message, where, ...outside } };
}
