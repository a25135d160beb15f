import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { malformed, unsupported } from '../../core/errors';
import { checkSiblingName } from '../../core/siblingName';
import { quotedName } from '../../core/text';
import { JsonReader } from '../json/read';
import type { Warning } from '../types';
import { maxIndexBytes, maxShardName, maxShards } from './limits';
import type { ShardIndex } from './types';

/** Reads an index: `{"metadata": {"total_size": …}, "weight_map": {tensor: shard}}`. No shard is touched. */
export async function readIndex(source: ByteSource, abort: AbortCheck): Promise<ShardIndex> {
  if (source.size > maxIndexBytes) {
    throw unsupported('E_INDEX_LIMIT', 'The index is larger than any that a model needs.', {
      where: { offset: 0 },
      found: `${source.size} bytes`,
      expected: `at most ${maxIndexBytes}`,
    });
  }
  const bytes = await source.read(0, source.size);
  return new IndexParser(new JsonReader(bytes, 0, 'E_INDEX_JSON', abort), source.name).parse();
}

class IndexParser {
  private readonly shardOf = new Map<string, string>();
  private readonly shards = new Set<string>();
  private readonly metadata = new Map<string, string>();
  private readonly warnings: Warning[] = [];
  private mapped = false;

  constructor(
    private readonly reader: JsonReader,
    private readonly fileName: string,
  ) {}

  parse(): ShardIndex {
    const { reader } = this;
    reader.beginObject();
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (key === 'weight_map') this.readMap();
      else if (key === 'metadata' && reader.peek() === 'object') this.readMetadata();
      else reader.skip();
    }
    reader.end();
    if (!this.mapped) {
      throw malformed('E_INDEX_JSON', 'The index has no weight map.', {
        where: { offset: 0 },
        expected: 'an object named weight_map',
      });
    }
    return { shardOf: this.shardOf, shards: [...this.shards].sort(), metadata: this.metadata, warnings: this.warnings };
  }

  private readMap(): void {
    const { reader } = this;
    if (this.mapped) throw reader.errorAt(reader.keyOffset, 'The index has two weight maps.');
    this.mapped = true;
    reader.beginObject();
    for (let tensor = reader.nextKey(); tensor !== undefined; tensor = reader.nextKey()) {
      const { keyOffset } = reader;
      if (this.shardOf.has(tensor)) {
        throw reader.errorAt(keyOffset, `The weight map has the tensor ${quotedName(tensor)} twice.`);
      }
      const { offset } = reader;
      const shard = reader.string(maxShardName);
      if (!this.shards.has(shard)) this.addShard(shard, offset);
      this.shardOf.set(tensor, shard);
    }
  }

  private addShard(shard: string, offset: number): void {
    const { reader } = this;
    checkSiblingName(shard);
    if (shard === this.fileName) {
      throw reader.errorAt(offset, 'The index names itself as a shard.', { found: quotedName(shard) });
    }
    if (this.shards.size === maxShards) {
      throw reader.errorAt(offset, 'The index names more shards than any model has.', {
        expected: `at most ${maxShards}`,
      });
    }
    this.shards.add(shard);
  }

  private readMetadata(): void {
    const { reader } = this;
    reader.beginObject();
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      const kind = reader.peek();
      if (kind === 'number') this.keep(key, reader.numberText(), true);
      else if (kind === 'string') this.keep(key, reader.string(), false);
      else {
        reader.skip();
        if (key === 'total_size') this.warnTotal('is not a number');
      }
    }
  }

  private keep(key: string, text: string, isNumber: boolean): void {
    if (key === 'total_size' && !(isNumber && /^\d{1,16}$/.test(text))) {
      this.warnTotal(`cannot be ${quotedName(text)}`);
    } else if (this.metadata.size < maxMetadata && text.length <= maxMetadataText) {
      this.metadata.set(key, text);
    }
  }

  private warnTotal(what: string): void {
    this.warnings.push({ code: 'E_INDEX_TOTAL', message: `The total size in the index ${what}; it is not used.` });
  }
}

/** Metadata that people read: `total_size`, `total_parameters`, `format`. */
const maxMetadata = 100;
const maxMetadataText = 1_000;
