import type { DType } from '../../core/dtype';
import { itemsOf, textOf } from '../pickle/access';
import { kindOf } from '../pickle/kindOf';
import { PickleGlobal, type PicklePersistent } from '../pickle/types';
import { storageDtype } from './dtypes';

/** A part of another storage, in elements: how the stream before 1.6 wrote shared storages. */
export interface StorageView {
  readonly offset: number;
  readonly length: number;
}

/** What the persistent id of a storage says: ('storage', class, key, location, numel[, view]). */
export interface StorageId {
  readonly key: string;
  readonly dtype: DType;
  readonly location: string;
  readonly numel: number;
  readonly view: StorageView | undefined;
}

export interface StorageIdProblem {
  readonly code: 'E_PT_ARGUMENT' | 'E_PT_DTYPE';
  readonly message: string;
  readonly found?: string;
  readonly expected?: string;
}

/** Reads a persistent id, or says what is wrong with it. */
export function storageId({ id }: PicklePersistent): StorageId | StorageIdProblem {
  const items = itemsOf(id);
  const [tag, type, keyValue, location, numel, view] = items;
  const key = textOf(keyValue);
  if (textOf(tag) !== 'storage' || !(type instanceof PickleGlobal) || key === undefined || items.length > 6) {
    return {
      code: 'E_PT_ARGUMENT',
      message: 'The persistent id is no storage.',
      found: kindOf(id),
      expected: "('storage', class, key, location, numel)",
    };
  }
  const dtype = storageDtype(type.module, type.name);
  if (dtype === undefined) return { code: 'E_PT_DTYPE', message: `${type.fullName} is no known storage.` };
  if (!isCount(numel)) {
    return {
      code: 'E_PT_ARGUMENT',
      message: 'The storage’s number of elements is not a whole number that fits.',
      found: typeof numel === 'number' || typeof numel === 'bigint' ? String(numel) : kindOf(numel ?? null),
      expected: 'a number from 0',
    };
  }
  const place = textOf(location) ?? kindOf(location ?? null);
  if (view === undefined || view === null) return { key, dtype, location: place, numel, view: undefined };
  const [, offset, length] = itemsOf(view);
  if (!isCount(offset) || !isCount(length) || offset + length > numel) {
    return {
      code: 'E_PT_ARGUMENT',
      message: 'The view of a storage reaches outside it.',
      found: `${itemsOf(view).slice(1).map(String).join(' and ')}`,
      expected: `an offset and a length within ${numel} elements`,
    };
  }
  return { key, dtype, location: place, numel, view: { offset, length } };
}

/** A number of elements, or a place among them. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
