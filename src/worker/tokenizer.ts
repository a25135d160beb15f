import { basename } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { malformed } from '../core/errors';

/** A text as token ids, with the segment that each token belongs to. */
export interface Encoded {
  readonly ids: readonly number[];
  readonly types: readonly number[];
}

export interface TextEncoder {
  /** With the special tokens that the tokenizer adds around a text. */
  encode(text: string): Encoded;
}

/**
 * Hugging Face's tokenizer.json, read by their own library for JavaScript. The file is data:
 * vocabulary, merges and regular expressions.
 */
export function parseTokenizer(json: string, config: string, path: string): TextEncoder {
  const read = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw malformed('E_TOKENIZER', 'This is no tokenizer that can be read.', {
        where: { file: basename(path) },
        found: (error instanceof Error ? error.message : String(error)).slice(0, 200),
        expected: 'a tokenizer.json as Hugging Face’s tokenizers saves it',
      });
    }
  };
  const tokenizer = read(() => new Tokenizer(object(JSON.parse(json)), object(JSON.parse(config))));
  return {
    encode(text) {
      const { ids, token_type_ids } = read(() => tokenizer.encode(text, { return_token_type_ids: true }));
      return { ids, types: token_type_ids };
    },
  };
}

function object(value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new TypeError('not a JSON object');
}
