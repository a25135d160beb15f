import type { PickleValue } from '../pickle/types';
import type { TensorRecord, Warning } from '../types';

export interface StorageEntry {
  readonly name: string;
  readonly size: number;
}

/** Where tensors come from: what the container around a pickle knows of its storages. */
export interface RebuildContext {
  /** Name of the pickle's record, for messages; undefined when the pickle stands in the file itself. */
  readonly entry: string | undefined;
  /** Where the container keeps the storage of a key. */
  storageEntry(key: string): StorageEntry | undefined;
  /** The tensor that a persistent id names, in the container of 0.1. */
  readonly tensorOf?: (id: PickleValue) => TensorRecord | undefined;
  /** Set while scales and zero points are rebuilt, which are never quantized themselves. */
  readonly insideQuantized?: boolean;
  /** How many pickles this one is inside of. */
  readonly depth?: number;
  readonly warn?: (warning: Warning) => void;
}
