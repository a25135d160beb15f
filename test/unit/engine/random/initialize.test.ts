import assert from 'node:assert/strict';
import { Generator } from '../../../../src/engine/random/generator';
import {
  initEmbedding,
  initLinear,
  initRecurrent,
  recurrentParameters,
} from '../../../../src/engine/random/initialize';

const shape = { inputSize: 5, hiddenSize: 6, numLayers: 2, bias: true, bidirectional: true, projSize: 0 };

describe('default initialisation', () => {
  it('Linear: the weight first, both within 1/√in', () => {
    const generator = new Generator(0);
    const parameters = initLinear(generator, 9, 4, true);
    assert.deepEqual(
      [...parameters].map(([name, tensor]) => [name, tensor.shape]),
      [
        ['weight', [4, 9]],
        ['bias', [4]],
      ],
    );
    for (const { data } of parameters.values()) for (const x of data) assert.ok(Math.abs(x) <= Math.fround(1 / 3));
    const raw = new Generator(0);
    for (let i = 0; i < 40; i++) raw.random();
    assert.equal(generator.random(), raw.random());
  });

  it('Linear without bias draws no bias', () => {
    assert.deepEqual([...initLinear(new Generator(0), 9, 4, false).keys()], ['weight']);
  });

  it('a bias without inputs is zero', () => {
    assert.deepEqual([...(initLinear(new Generator(0), 0, 2, true).get('bias')?.data ?? [])], [0, 0]);
  });

  it('recurrent parameters go layer by layer, forward before reverse', () => {
    assert.deepEqual(recurrentParameters('GRU', shape), [
      ['weight_ih_l0', [18, 5]],
      ['weight_hh_l0', [18, 6]],
      ['bias_ih_l0', [18]],
      ['bias_hh_l0', [18]],
      ['weight_ih_l0_reverse', [18, 5]],
      ['weight_hh_l0_reverse', [18, 6]],
      ['bias_ih_l0_reverse', [18]],
      ['bias_hh_l0_reverse', [18]],
      ['weight_ih_l1', [18, 12]],
      ['weight_hh_l1', [18, 6]],
      ['bias_ih_l1', [18]],
      ['bias_hh_l1', [18]],
      ['weight_ih_l1_reverse', [18, 12]],
      ['weight_hh_l1_reverse', [18, 6]],
      ['bias_ih_l1_reverse', [18]],
      ['bias_hh_l1_reverse', [18]],
    ]);
  });

  it('a projection narrows the hidden state and comes last in its direction', () => {
    const projected = { ...shape, numLayers: 2, bidirectional: false, bias: false, projSize: 3 };
    assert.deepEqual(recurrentParameters('LSTM', projected), [
      ['weight_ih_l0', [24, 5]],
      ['weight_hh_l0', [24, 3]],
      ['weight_hr_l0', [3, 6]],
      ['weight_ih_l1', [24, 3]],
      ['weight_hh_l1', [24, 3]],
      ['weight_hr_l1', [3, 6]],
    ]);
  });

  it('recurrent parameters are uniform in ±1/√hidden', () => {
    const parameters = initRecurrent(new Generator(4), 'RNN', { ...shape, hiddenSize: 16 });
    let largest = 0;
    for (const { data } of parameters.values()) for (const x of data) largest = Math.max(largest, Math.abs(x));
    assert.ok(largest <= 0.25 && largest > 0.24, String(largest));
  });

  it('the padding row of an Embedding is drawn and then zeroed', () => {
    const plain = initEmbedding(new Generator(0), 5, 4).get('weight')?.data ?? [];
    const padded = initEmbedding(new Generator(0), 5, 4, 2).get('weight')?.data ?? [];
    assert.deepEqual(
      [...padded],
      [...plain].map((x, i) => (i >= 8 && i < 12 ? 0 : x)),
    );
  });
});
