import type { AbortCheck } from '../../core/abort';
import type { ByteSource } from '../../core/byteSource';
import { QuantscopeError } from '../../core/errors';
import { JsonReader } from '../json/read';
import type { ModelFile } from '../types';
import { maxConfigBytes, maxText } from './limits';
import type { HuggingFaceConfig } from './types';

/** Facts that tell what a model is; a config has hundreds that do not. */
const shownFacts = new Set([
  'model_type',
  'dtype',
  'torch_dtype',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
  'vocab_size',
  'tie_word_embeddings',
  'transformers_version',
]);

/**
 * The config of the folder that a model lies in, or undefined: no such file, or one of something
 * else. A broken config is no reason not to show the weights.
 */
export async function readConfig(source: ByteSource, abort: AbortCheck): Promise<HuggingFaceConfig | undefined> {
  try {
    const file = await source.sibling?.('config.json');
    if (file === undefined || file.size > maxConfigBytes) return undefined;
    const config = parseConfig(new JsonReader(await file.read(0, file.size), 0, 'E_CONFIG_JSON', abort));
    return config.architecture === undefined && !config.facts.has('model_type') ? undefined : config;
  } catch (error) {
    if (!(error instanceof QuantscopeError) || error.details.kind === 'aborted') throw error;
    return undefined;
  }
}

function parseConfig(reader: JsonReader): HuggingFaceConfig {
  let architecture: string | undefined;
  const facts = new Map<string, string>();
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const kind = reader.peek();
    if (key === 'architectures' && kind === 'array') architecture = firstClass(reader) ?? architecture;
    else if (!shownFacts.has(key) || kind === 'object' || kind === 'array') reader.skip();
    else {
      const value =
        kind === 'string' ? reader.string() : kind === 'number' ? reader.numberText() : String(reader.word());
      facts.set(key, value.slice(0, maxText));
    }
  }
  reader.end();
  return { architecture, facts, tieWordEmbeddings: facts.get('tie_word_embeddings') === 'true' };
}

/** The first name of the list that is the name of a class. */
function firstClass(reader: JsonReader): string | undefined {
  let first: string | undefined;
  reader.beginArray();
  while (reader.nextItem()) {
    if (reader.peek() !== 'string') {
      reader.skip();
      continue;
    }
    const name = reader.string();
    if (first === undefined && /^[A-Za-z_]\w{0,199}$/.test(name)) first = name;
  }
  return first;
}

const inputEmbedding = /(^|\.)(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|shared)\.weight$/;
const outputProjection = /(^|\.)(lm_head|embed_out|output|decoder)\.weight$/;

/** The file with what its folder's config says: the architecture, plain facts, and the tied embedding. */
export function withConfig(file: ModelFile, config: HuggingFaceConfig): ModelFile {
  const facts = [...config.facts].map(([key, value]) => [`config.${key}`, value]);
  return {
    ...file,
    label: config.architecture === undefined ? file.label : `${config.architecture}, ${file.label}`,
    metadata: {
      ...file.metadata,
      ...(config.architecture === undefined ? {} : { 'config.architectures': config.architecture }),
      ...Object.fromEntries(facts),
    },
    tied: config.tieWordEmbeddings ? tiedEmbedding(file) : file.tied,
  };
}

/** A tied output projection has no tensor of its own: the input embedding stands for both. */
function tiedEmbedding(file: ModelFile): ModelFile['tied'] {
  if (file.tensors.some(({ name }) => outputProjection.test(name))) return file.tied;
  const embedding = file.tensors.find(({ name }) => inputEmbedding.test(name));
  return embedding === undefined ? file.tied : new Map([[embedding.name, 'lm_head.weight']]);
}
