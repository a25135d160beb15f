import { dirname, join } from 'node:path';
import { invalid } from '../core/errors';
import { numel } from '../core/shape';
import { floatTensor, int64Tensor, type Tensor } from '../engine/tensor/tensor';
import { literalInputs } from '../model/givenInputs';
import { stateName } from '../model/programInputs';
import type { GivenInputsDto } from '../protocol/forwardDto';
import type { RunnableDto } from '../protocol/modelDto';
import type { OpenSource } from './openSource';
import { readText } from './readText';
import type { Encoded, TextEncoder } from './tokenizer';

/** Bytes of a tokenizer.json: those of the largest vocabularies, 256,000 words with their merges, have 40 million. */
const maxTokenizerBytes = 128 * 1024 * 1024;
const tooLarge = ['E_TOKENIZER', 'The tokenizer is too large.'] as const;

/** Characters of a text; models take some thousand tokens. */
const maxText = 100_000;

type Typed = Extract<GivenInputsDto, { kind: 'literal' | 'text' }>;
type Known = RunnableDto['inputs'];

/** The inputs that a person typed: numbers, or a text that the tokenizer beside the model turns into them. */
export async function typedInputs(typed: Typed, known: Known, openSource: OpenSource): Promise<Tensor[]> {
  if (typed.kind === 'literal') return literalInputs(typed.text, known);
  if (typed.text.length > maxText) {
    throw invalid('E_INPUT_LIMIT', `A text may have ${maxText} characters; this one has ${typed.text.length}.`);
  }
  const encoded = (await openTokenizer(typed.tokenizer, openSource)).encode(typed.text);
  if (encoded.ids.length === 0) throw invalid('E_TEXT_INPUT', 'The tokenizer makes no token of this text.');
  return textTensors(encoded, known);
}

/**
 * Token ids as the first input of indices, and what models take beside them by its name: a mask of
 * ones, token types, positions, a recurrent state of zeros. The layout is that of the proposed input:
 * [tokens], [tokens, batch 1] or [batch 1, tokens].
 */
export function textTensors({ ids, types }: Encoded, known: Known): Tensor[] {
  const wanted: Known = known.length === 0 ? [{ name: 'input', shape: [1, ids.length], dtype: 'int64' }] : known;
  const own = Math.max(wanted.findIndex(isIds), 0);
  return wanted.map(({ name, shape, dtype }, i) => {
    if (i !== own && dtype !== 'int64' && stateName.test(name.replace(/\.\d+$/, ''))) {
      return floatTensor(new Float32Array(numel(shape)), shape);
    }
    const values = i === own ? (dtype === 'int64' ? ids : undefined) : besideIds(name, ids.length, types);
    if (values === undefined || shape.length > 2) {
      throw invalid('E_TEXT_INPUT', `A text does not give the input ${name}.`, {
        found: `${name} ${dtype ?? 'float32'} [${shape.join(', ')}]`,
        expected: 'token ids (int64), then attention_mask, token_type_ids or position_ids',
        hint: 'Give all inputs in a .npz file.',
      });
    }
    return int64Tensor(values, layout(shape, ids.length));
  });
}

/** Graphs name their inputs in any order. */
function isIds({ name, dtype }: Known[number]): boolean {
  return dtype === 'int64' && besideIds(name, 0, []) === undefined;
}

function besideIds(name: string, tokens: number, types: readonly number[]): readonly number[] | undefined {
  if (/mask/i.test(name)) return Array.from({ length: tokens }, () => 1);
  if (/type|segment/i.test(name)) return types;
  return /position/i.test(name) ? Array.from({ length: tokens }, (_, i) => i) : undefined;
}

function layout(shape: readonly number[], tokens: number): number[] {
  if (shape.length < 2) return [tokens];
  return shape[1] === 1 && shape[0] > 1 ? [tokens, 1] : [1, tokens];
}

async function openTokenizer(path: string, openSource: OpenSource): Promise<TextEncoder> {
  // Loaded now: most models take no text.
  const { parseTokenizer } = await import('./tokenizer.js');
  const read = (file: string) => readText(openSource, file, maxTokenizerBytes, tooLarge);
  return parseTokenizer(
    await read(path),
    await read(join(dirname(path), 'tokenizer_config.json')).catch(() => '{}'),
    path,
  );
}
