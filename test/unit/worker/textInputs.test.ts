import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../../src/core/byteSource';
import { QuantscopeError } from '../../../src/core/errors';
import type { RunnableDto } from '../../../src/protocol/modelDto';
import type { OpenSource } from '../../../src/worker/openSource';
import { textTensors, typedInputs } from '../../../src/worker/textInputs';
import { parseTokenizer } from '../../../src/worker/tokenizer';
import { fixturePath } from '../../support/fixtures';

const read = (name: string) => readFileSync(fixturePath('tokenizers', `${name}.json`), 'utf8');

/** What Hugging Face's own library makes of texts with the tokenizers of this folder. */
const expected: Readonly<Record<string, readonly { readonly text: string; readonly ids: readonly number[] }[]>> =
  JSON.parse(read('expected'));

const index = (name: string, ...shape: number[]) => ({ name, shape, dtype: 'int64' as const });

/** Opens files that are only here. */
function folder(files: Readonly<Record<string, string>>): OpenSource {
  return async (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`${path} is not there`);
    return Object.assign(bytesSource(new TextEncoder().encode(text), path), { close: async () => {} });
  };
}

const code = (expectedCode: string) => (error: unknown) =>
  error instanceof QuantscopeError && error.code === expectedCode;

describe('a text as inputs', () => {
  for (const [name, texts] of Object.entries(expected)) {
    for (const { text, ids } of texts) {
      it(`${name}: ${JSON.stringify(text)} has the ids of the original library`, () => {
        assert.deepEqual(parseTokenizer(read(name), '{}', name).encode(text).ids, ids);
      });
    }
  }

  /** What is proposed, and the shapes and values that three tokens make of it. */
  const layouts: readonly (readonly [string, RunnableDto['inputs'], readonly (readonly [number[], number[]])[]])[] = [
    [
      'nothing is known',
      [],
      [
        [
          [1, 3],
          [5, 6, 7],
        ],
      ],
    ],
    [
      'batch first',
      [index('input_ids', 1, 20)],
      [
        [
          [1, 3],
          [5, 6, 7],
        ],
      ],
    ],
    [
      'sequence first',
      [index('input', 20, 1)],
      [
        [
          [3, 1],
          [5, 6, 7],
        ],
      ],
    ],
    ['no batch', [index('tokens', 20)], [[[3], [5, 6, 7]]]],
    [
      'a mask, types and positions',
      [
        index('input_ids', 1, 8),
        index('attention_mask', 1, 8),
        index('token_type_ids', 1, 8),
        index('position_ids', 1, 8),
      ],
      [
        [
          [1, 3],
          [5, 6, 7],
        ],
        [
          [1, 3],
          [1, 1, 1],
        ],
        [
          [1, 3],
          [0, 0, 1],
        ],
        [
          [1, 3],
          [0, 1, 2],
        ],
      ],
    ],
    [
      'a mask before the ids',
      [index('attention_mask', 1, 8), index('input_ids', 1, 8)],
      [
        [
          [1, 3],
          [1, 1, 1],
        ],
        [
          [1, 3],
          [5, 6, 7],
        ],
      ],
    ],
    [
      'a recurrent state, which starts at zero',
      [index('input', 20, 1), { name: 'hidden.0', shape: [1, 1, 2] }],
      [
        [
          [3, 1],
          [5, 6, 7],
        ],
        [
          [1, 1, 2],
          [0, 0],
        ],
      ],
    ],
  ];
  for (const [name, known, tensors] of layouts) {
    it(`takes the layout of what is proposed: ${name}`, () => {
      const made = textTensors({ ids: [5, 6, 7], types: [0, 0, 1] }, known);
      assert.deepEqual(
        made.map(({ shape, data }) => [shape, Array.from(data, Number)]),
        tensors,
      );
    });
  }

  const refused: readonly (readonly [string, RunnableDto['inputs'], string])[] = [
    ['a forward that takes numbers', [{ name: 'x', shape: [1, 8] }], 'x'],
    ['an input that no text gives', [index('input_ids', 1, 8), index('labels', 1, 8)], 'labels'],
    ['indices of three dimensions', [index('input_ids', 1, 8, 2)], 'input_ids'],
  ];
  for (const [name, known, input] of refused) {
    it(`refuses ${name} and names the input`, () => {
      assert.throws(
        () => textTensors({ ids: [5], types: [0] }, known),
        (error) => code('E_TEXT_INPUT')(error) && (error as Error).message.includes(input),
      );
    });
  }

  const files: Readonly<Record<string, string>> = {
    '/m/tokenizer.json': read('wordPiece'),
    '/m/package.json': '{"name": "something else"}',
    '/m/broken.json': '{"model": ',
  };
  const typed = (text: string, tokenizer = '/m/tokenizer.json') =>
    typedInputs({ kind: 'text', text, tokenizer }, [index('input_ids', 1, 8)], folder(files));

  it('reads the tokenizer where it lies, also without its config', async () => {
    const [{ shape }] = await typed('The scale');
    assert.deepEqual(shape, [1, expected.wordPiece[1].ids.length]);
  });

  for (const [name, tokenizer] of [
    ['a JSON file of something else', '/m/package.json'],
    ['a damaged file', '/m/broken.json'],
  ]) {
    it(`says that ${name} is no tokenizer`, () => assert.rejects(typed('a', tokenizer), code('E_TOKENIZER')));
  }

  it('refuses a text beyond its limit', () => assert.rejects(typed('a'.repeat(100_001)), code('E_INPUT_LIMIT')));
});
