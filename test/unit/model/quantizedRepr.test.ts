import assert from 'node:assert/strict';
import type { ModuleKind } from '../../../src/model/moduleKind';
import { quantizedRepr } from '../../../src/model/moduleRepr';

const recurrent = { inputSize: 64, hiddenSize: 64, numLayers: 2, bias: true, bidirectional: false, projSize: 0 };

describe('the printed line of a dynamic module', () => {
  const cases: readonly [kind: ModuleKind, line: string, expected: string][] = [
    [
      { type: 'LSTM', ...recurrent },
      'LSTM(64, 64, num_layers=2, dropout=0.5)',
      'DynamicQuantizedLSTM(64, 64, num_layers=2, dropout=0.5)',
    ],
    [
      { type: 'GRU', ...recurrent },
      'GRU(64, 64, num_layers=2, batch_first=True)',
      'DynamicQuantizedGRU(64, 64, num_layers=2, batch_first=True)',
    ],
    [
      { type: 'RNNCell', inputSize: 3, hiddenSize: 4, bias: true },
      'RNNCell(3, 4, nonlinearity=relu)',
      'DynamicQuantizedRNNCell(3, 4, nonlinearity=relu)',
    ],
    [
      { type: 'Linear', inFeatures: 3, outFeatures: 4, bias: false },
      'Linear(in_features=3, out_features=4, bias=False)',
      'DynamicQuantizedLinear(in_features=3, out_features=4, dtype=torch.qint8, qscheme=torch.per_channel_affine)',
    ],
  ];
  for (const [kind, line, expected] of cases) {
    it(`${line}: ${expected}`, () => {
      assert.equal(quantizedRepr(kind, line, 'per_channel_dynamic'), expected);
    });
  }
});
