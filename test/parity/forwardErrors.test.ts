import assert from 'node:assert/strict';
import { neverAborted } from '../../src/core/abort';
import { QuantscopeError } from '../../src/core/errors';
import { selectKernels } from '../../src/engine/kernels/dispatch';
import { floatTensor, type Tensor } from '../../src/engine/tensor/tensor';
import { comparisonSpec, loadPair } from '../../src/model/loadPair';
import { findModule } from '../../src/model/openModel';
import { openTwin } from '../support/twins';

const zeros = (...shape: number[]) => floatTensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);

/** Zeros but for one value. */
function filled(value: number, ...shape: number[]): Tensor {
  const tensor = zeros(...shape);
  tensor.data[1] = value;
  return tensor;
}

/** Texts of PyTorch 1.13, where it has one. */
const cases: readonly [
  what: string,
  module: string,
  engine: 'fbgemm' | 'onednn' | 'qnnpack',
  inputs: readonly Tensor[],
  code: string,
  message: string,
][] = [
  [
    'NaN',
    'linear',
    'onednn',
    [filled(Number.NaN, 3, 6)],
    'E_NAN_INPUT',
    'In ChooseQuantizationParams, min should be less than or equal to max',
  ],
  [
    'NaN',
    'linear',
    'fbgemm',
    [filled(Number.NaN, 3, 6)],
    'E_NAN_INPUT',
    'In ChooseQuantizationParams, min should be less than or equal to max',
  ],
  [
    'NaN',
    'gru',
    'qnnpack',
    [filled(Number.NaN, 6, 2, 5)],
    'E_NAN_INPUT',
    'In ChooseQuantizationParams, min should be less than or equal to max',
  ],
  [
    'NaN in h0',
    'one',
    'fbgemm',
    [zeros(5, 2, 3), filled(Number.NaN, 1, 2, 4), zeros(1, 2, 4)],
    'E_NAN_INPUT',
    'In ChooseQuantizationParams, min should be less than or equal to max',
  ],
  [
    'infinity',
    'linear',
    'onednn',
    [filled(Number.POSITIVE_INFINITY, 3, 6)],
    'E_INF_INPUT',
    'could not execute a primitive',
  ],
  [
    '−infinity',
    'lstm_cell',
    'qnnpack',
    [filled(Number.NEGATIVE_INFINITY, 3, 5)],
    'E_INF_INPUT',
    'failed to create op with requantization scale: inf: requantization scale must be finite and positive',
  ],
  [
    'infinity',
    'gru',
    'fbgemm',
    [filled(Number.POSITIVE_INFINITY, 6, 2, 5)],
    'E_INF_INPUT',
    'The input contains infinity, which has no scale; fbgemm would return undefined numbers',
  ],
  [
    'infinity in h0',
    'one',
    'onednn',
    [zeros(5, 2, 3), filled(Number.POSITIVE_INFINITY, 1, 2, 4), zeros(1, 2, 4)],
    'E_INF_INPUT',
    'could not execute a primitive',
  ],
  [
    'one dimension',
    'linear',
    'fbgemm',
    [zeros(6)],
    'E_SHAPE',
    'The dimension of input tensor should be larger than or equal to 2',
  ],
  ['two dimensions', 'one', 'onednn', [zeros(5, 3)], 'E_SHAPE', 'input must have 3 dimensions, got 2'],
  [
    'another width',
    'one',
    'onednn',
    [zeros(5, 2, 7)],
    'E_SHAPE',
    'input.size(-1) must be equal to input_size. Expected 3, got 7',
  ],
  [
    'h0 of another batch',
    'one',
    'fbgemm',
    [zeros(5, 1, 3), zeros(1, 2, 4), zeros(1, 1, 4)],
    'E_SHAPE',
    'Expected hidden[0] size (1, 1, 4), got [1, 2, 4]',
  ],
  [
    'c0 of another batch',
    'one',
    'fbgemm',
    [zeros(5, 1, 3), zeros(1, 1, 4), zeros(1, 2, 4)],
    'E_SHAPE',
    'Expected hidden[1] size (1, 1, 4), got [1, 2, 4]',
  ],
  [
    'h0 of another width',
    'gru',
    'qnnpack',
    [zeros(6, 2, 5), zeros(3, 2, 4)],
    'E_SHAPE',
    'Expected hidden size (3, 2, 3), got [3, 2, 4]',
  ],
  [
    'another width',
    'lstm_cell',
    'fbgemm',
    [zeros(3, 7)],
    'E_SHAPE',
    'input has inconsistent input_size: got 7, expected 5',
  ],
  ['no steps', 'one', 'fbgemm', [zeros(0, 2, 3)], 'E_SHAPE', 'Expected sequence length to be larger than 0 in RNN'],
];

describe('a forward that PyTorch refuses is refused in its words, with the module', () => {
  for (const [what, path, engine, inputs, code, message] of cases) {
    it(`${path}, ${what}, ${engine}: ${code}`, async () => {
      for (const form of ['float.module', 'module'] as const) {
        const model = await openTwin('products', '1.13', form);
        const node = findModule(model, path);
        const pair = await loadPair(model, node, comparisonSpec(node, { engine, perChannel: false }), neverAborted);
        assert.throws(
          () => pair.quantized.forward(inputs, { kernels: selectKernels(), abort: neverAborted }),
          (error: unknown) => {
            assert.ok(error instanceof QuantscopeError);
            assert.deepEqual([error.code, error.message], [code, `${path}: ${message}`]);
            return true;
          },
        );
      }
    });
  }
});
