import type { Warning } from '../types';

/** What `model.safetensors.index.json` says. */
export interface ShardIndex {
  /** The shard of every tensor, by the tensor's name. */
  readonly shardOf: ReadonlyMap<string, string>;
  /** Names of the shards, sorted. */
  readonly shards: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly warnings: readonly Warning[];
}
