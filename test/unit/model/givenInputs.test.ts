import assert from 'node:assert/strict';
import { neverAborted } from '../../../src/core/abort';
import { noProgress } from '../../../src/core/progress';
import { forwardModule } from '../../../src/model/forwardModule';
import { fileInputs, literalInputs } from '../../../src/model/givenInputs';
import type { ForwardRequestDto } from '../../../src/protocol/forwardDto';
import type { RunnableDto } from '../../../src/protocol/modelDto';
import { openFixtureModel } from '../../support/models';
import { modelOf } from '../../support/tensorEntries';

const floats: RunnableDto['inputs'] = [{ name: 'input', shape: [1, 2] }];
const indices: RunnableDto['inputs'] = [{ name: 'tokens', shape: [2], dtype: 'int64', high: 9 }];

describe('typed inputs', () => {
  const good: readonly [string, RunnableDto['inputs'], string, readonly number[]][] = [
    ['[[1, 2], [3, 4.5]]', floats, 'float32', [2, 2]],
    ['7', floats, 'float32', []],
    ['[3, 4]', indices, 'int64', [2]],
    ['[]', floats, 'float32', [0]],
  ];
  for (const [text, known, dtype, shape] of good) {
    it(`${text} is ${dtype} [${shape.join(', ')}]`, () => {
      const [tensor] = literalInputs(text, known);
      assert.deepEqual([tensor.dtype, tensor.shape], [dtype, shape]);
    });
  }

  const bad: readonly [string, RunnableDto['inputs']][] = [
    ['', floats],
    ['[[1, 2], [3]]', floats],
    ['[1, "x"]', floats],
    ['{"a": 1}', floats],
    ['[1, 2', floats],
    ['[0.5]', indices],
    ['['.repeat(40) + ']'.repeat(40), floats],
    [`${'['.repeat(20_000)}1${']'.repeat(20_000)}`, floats],
  ];
  for (const [text, known] of bad) {
    it(`refuses ${text.slice(0, 24) || 'nothing'}${text.length > 24 ? `… (${text.length} characters)` : ''}`, () => {
      assert.throws(() => literalInputs(text, known), { code: 'E_INPUT_LITERAL' });
    });
  }

  it('one input a line', () => {
    assert.deepEqual(
      literalInputs('[1]\n\n[[2, 3]]\n', floats).map(({ shape }) => shape),
      [[1], [1, 2]],
    );
  });
});

describe('inputs of a file', () => {
  it('are input.0, input.1, … whatever else is there', async () => {
    const file = await modelOf({
      other: { shape: [1], values: [9] },
      'input.1': { shape: [2], values: [3, 4] },
      'input.0': { shape: [1], values: [7] },
    });
    const inputs = await fileInputs(file, floats, neverAborted);
    assert.deepEqual(
      inputs.map(({ shape }) => shape),
      [[1], [2]],
    );
  });

  it('are all arrays in their order where none has such a name, as integers where indices are needed', async () => {
    const file = await modelOf({ tokens: { shape: [3], values: [1, 2, 3] } });
    const [tensor] = await fileInputs(file, indices, neverAborted);
    assert.deepEqual([tensor.dtype, [...(tensor.data as BigInt64Array)]], ['int64', [1n, 2n, 3n]]);
  });
});

it('a forward pass with given inputs follows them and not the seed', async () => {
  const model = await openFixtureModel('2.13', 'recipe_lstm.pt');
  const request: ForwardRequestDto = {
    module: 'lstm',
    seed: 1,
    shapes: [],
    engine: 'fbgemm',
    perChannel: false,
    runs: 1,
    warmup: 0,
  };
  const zeros = literalInputs(`[[[${new Array(8).fill(0).join(', ')}]]]`, []);
  const { result } = await forwardModule(model, request, neverAborted, noProgress, zeros);
  const { inputs, products } = result;
  assert.deepEqual(inputs[0].shape, [1, 1, 8]);
  assert.deepEqual(products[0].max, [0]);
});
