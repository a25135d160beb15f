import assert from 'node:assert/strict';
import { neverAborted } from '../../../../src/core/abort';
import { bytesSource } from '../../../../src/core/byteSource';
import type { QuantscopeError } from '../../../../src/core/errors';
import { noProgress } from '../../../../src/core/progress';
import { planGraph } from '../../../../src/model/onnx/graphPlan';
import { type Model, openModel } from '../../../../src/model/openModel';
import { modelOverview } from '../../../../src/model/overview';
import { quantizeModel } from '../../../../src/model/quantizeModel';
import type { QuantizeSpecDto } from '../../../../src/protocol/quantizeDto';
import { exportBytes } from '../../../support/exports';
import { openGraphModel, spec } from '../../../support/models';

const open = openGraphModel;

function plan(model: Model, changes: Partial<QuantizeSpecDto>) {
  const graph = model.file.onnx?.graph;
  assert.ok(graph !== undefined);
  return planGraph(model, graph, spec(changes));
}

/** Operators that only the rewritten graph has, in its order. */
const products = ['MatMulInteger', 'ConvInteger', 'DynamicQuantizeLSTM', 'QAttention'];

describe('which nodes of a graph a spec quantizes', () => {
  const table: readonly [what: string, file: string, Partial<QuantizeSpecDto>, Record<string, string>][] = [
    ['everything that quantize_dynamic knows', 'word_lm', {}, { embed: 'default', rnn: 'default', head: 'default' }],
    ['one operator', 'word_lm', { modules: ['LSTM'] }, { rnn: 'default' }],
    ['the type of a module', 'torch-2.13/mlp', { modules: ['Linear'] }, { 0: 'default', 2: 'default' }],
    ['a node by its own name', 'torch-2.13/mlp', { exclude: ['/0/Gemm'] }, { 2: 'default' }],
    ['a weight by a pattern', 'torch-2.13/mlp', { exclude: ['2.w*'] }, { 0: 'default' }],
    [
      'all but an operator',
      'word_lm',
      { overrides: [{ target: 'Gather', qconfig: null }] },
      { rnn: 'default', head: 'default' },
    ],
    [
      'one node per channel',
      'word_lm',
      { overrides: [{ target: 'head', qconfig: 'per_channel_dynamic' }] },
      { embed: 'default', rnn: 'default', head: 'per_channel' },
    ],
    ['nothing, in half precision', 'word_lm', { dtype: 'float16', modules: ['LSTM'] }, {}],
  ];
  for (const [what, file, changes, expected] of table) {
    it(what, async () => {
      const { qconfigs } = plan(await open(file), changes);
      const found = [...qconfigs].map(([path, name]) => [path, name.replace('_dynamic', '')]);
      assert.deepEqual(Object.fromEntries(found), expected);
    });
  }

  it('says why a node stays as it is', async () => {
    const reasons = (file: string, changes: Partial<QuantizeSpecDto>) =>
      open(file).then((model) => plan(model, changes).skipped.map(({ path, reason }) => `${path}: ${reason}`));
    assert.deepEqual(await reasons('block', { exclude: ['up'], modules: ['MatMul'] }), [
      'MatMul_4: both of its sides are computed',
      'MatMul_6: both of its sides are computed',
      'up: excluded',
    ]);
    assert.deepEqual(await reasons('word_lm', { dtype: 'float16', modules: ['LSTM'] }), [
      'embed: not in the spec',
      'rnn: ONNX Runtime quantizes to int8 only',
      'head: not in the spec',
    ]);
  });

  it('report, overview and export quantize the same nodes', async () => {
    for (const file of ['word_lm', 'block', 'convolution', 'attention', 'bidirectional']) {
      const model = await open(file);
      const all = [...plan(model, {}).quantized.keys()];
      for (const left of all.slice(0, 2)) {
        const chosen = spec({ exclude: [left] });
        const expected = all.filter((path) => path !== left);
        const report = await quantizeModel(model, chosen, neverAborted, noProgress);
        assert.deepEqual(
          report.modules.map(({ path }) => path),
          expected,
        );
        assert.equal(modelOverview(model, chosen).quantized.count, expected.length);
        if (expected.length === 0) continue;
        const [bytes] = await exportBytes(model, `${file}.onnx`, { format: 'onnx', spec: chosen });
        assert.equal(bytes.length, report.bytes.after);
        const written = await openModel(bytesSource(bytes, 'int8.onnx'), neverAborted);
        const nodes = written.file.onnx?.graph?.nodes ?? [];
        const made = nodes.filter(({ opType }) => products.includes(opType)).length;
        const tables = report.modules.filter(({ type }) => type === 'Gather').length;
        assert.equal(made, expected.length - tables);
      }
    }
  });

  it('an export in another form than int8 is refused', async () => {
    const request = { format: 'onnx', spec: spec({ dtype: 'float16', modules: ['MatMul'] }) } as const;
    await assert.rejects(
      exportBytes(await open('matmul'), 'x.onnx', request),
      (error: QuantscopeError) => error.code === 'E_EXPORT_DTYPE',
    );
  });
});
