import assert from 'node:assert/strict';
import { pythonLines } from '../../../../src/model/pythonLines';
import type { QuantizeSpecDto } from '../../../../src/protocol/quantizeDto';
import { openGraphModel, spec } from '../../../support/models';

describe('Copy as Python of a graph', () => {
  const table: readonly [what: string, file: string, Partial<QuantizeSpecDto>, lines: readonly RegExp[]][] = [
    [
      'everything',
      'word_lm',
      {},
      [/quantize_dynamic\(\n {4}"word_lm.onnx",\n {4}"word_lm.int8.onnx",\n {4}weight_type=QuantType.QInt8,\n\)/],
    ],
    [
      'nodes that stay float by name',
      'word_lm',
      { exclude: ['embed', 'head'] },
      [/nodes_to_exclude=\["embed", "head"\],/],
    ],
    ['a Gemm by the name of its MatMul', 'gemm', { exclude: ['fc1'] }, [/nodes_to_exclude=\["fc1_MatMul"\],/]],
    ['a node without a name', 'matmul', { exclude: ['V'] }, [/# A MatMul without a name stays float/]],
    ['per channel', 'word_lm', { perChannel: true }, [/ {4}per_channel=True,/]],
    [
      'per channel in part',
      'word_lm',
      { overrides: [{ target: 'head', qconfig: 'per_channel_dynamic' }] },
      [/# Only some nodes are quantized per channel/],
    ],
    ['nothing', 'word_lm', { modules: ['GRU'] }, [/# Nothing in this graph/, /"embed", "rnn", "head"/]],
  ];
  for (const [what, file, changes, lines] of table) {
    it(what, async () => {
      const text = pythonLines(await openGraphModel(file), spec(changes));
      for (const line of lines) assert.match(text, line);
    });
  }
});
