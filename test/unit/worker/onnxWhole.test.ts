import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AbortCheck } from '../../../src/core/abort';
import { aborted, type QuantscopeError } from '../../../src/core/errors';
import type { ForwardRequestDto } from '../../../src/protocol/forwardDto';
import type { Forwards } from '../../../src/worker/forwards';
import { fixturePath } from '../../support/fixtures';
import { spec } from '../../support/models';
import { readNpz } from '../../support/npz';
import { runOnnx } from '../../support/onnxForwards';
import { closeForwards, openForwards } from '../../support/openForwards';
import { textGraph } from '../../support/textGraph';

const noProgress = () => {};

function request(shapes: ForwardRequestDto['shapes'], changes: Partial<ForwardRequestDto> = {}): ForwardRequestDto {
  return { module: '', seed: 5, shapes, engine: 'fbgemm', perChannel: false, runs: 3, warmup: 1, ...changes };
}

async function proposedShapes(forwards: Forwards): Promise<ForwardRequestDto['shapes']> {
  return (await forwards.describe({})).inputs.map(({ shape }) => shape);
}

describe('the graph of an ONNX file answers as a whole model', function () {
  this.timeout(30_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'onnx-whole-'));
  });
  afterEach(closeForwards);
  after(() => rm(folder, { recursive: true }));

  for (const name of ['block', 'lstm', 'word_lm', 'external']) {
    for (const perChannel of [false, true]) {
      it(`${name}${perChannel ? ' per channel' : ''}: the numbers of forward --quantized`, async () => {
        const path = fixturePath('onnxRuntime', `${name}.onnx`);
        const forwards = await openForwards(path);
        const shapes = await proposedShapes(forwards);
        const result = await forwards.forward(request(shapes, { perChannel }), noProgress);
        const line = await runOnnx(path, { seed: 5, shapes, quantized: true, spec: spec({ perChannel }) });
        assert.deepEqual(
          result.outputs.map(({ float }) => float),
          line.outputs,
        );
        assert.deepEqual(
          result.outputs.map(({ quantized }) => quantized),
          line.quantized?.outputs,
        );
        assert.deepEqual(result.accuracy, line.quantized?.accuracy);
        assert.equal(result.size.quantizedBytes, line.quantized?.bytes);
        assert.equal(result.latencyUs.float.runs, 3);
        assert.equal(result.runtime, 'onnx');
        assert.deepEqual(result.products, line.quantized?.products);
        assert.ok(result.products.length > 0);
      });
    }
  }

  it('inputs are those that the graph names, indices below their table', async () => {
    const path = fixturePath('onnxRuntime', 'word_lm.onnx');
    const { by, inputs, notes } = await (await openForwards(path)).describe({});
    assert.equal(by, 'onnx');
    assert.deepEqual(inputs, [{ name: 'ids', shape: [7, 2], dtype: 'int64', high: 30 }]);
    assert.deepEqual(notes, []);
  });

  it('sizes that the graph leaves open are 1, or 16 tokens, and a note says so, as of inputs that cannot be drawn', async () => {
    const { inputs, notes } = await (await openForwards(fixturePath('onnx', 'scoped.onnx'))).describe({});
    assert.deepEqual(
      inputs.map(({ name, shape, dtype }) => [name, shape, dtype]),
      [
        ['x', [2], 'float32'],
        ['cond', [], undefined],
        ['ids', [1, 16], 'int64'],
      ],
    );
    assert.deepEqual(
      notes.map((note) => /leaves open|neither float32/.exec(note)?.[0]),
      ['leaves open', 'neither float32'],
    );
  });

  it('open sizes of one name are one number, and the inputs that are proposed run', async () => {
    const path = join(folder, 'text.onnx');
    await writeFile(path, await textGraph());
    const forwards = await openForwards(path);
    const { inputs } = await forwards.describe({});
    assert.deepEqual(
      inputs.map(({ name, shape, high }) => [name, shape, high]),
      [
        ['attention_mask', [1, 16], 2],
        ['input_ids', [1, 16], 200],
        ['token_type_ids', [1, 16], 2],
      ],
    );
    const shapes = inputs.map(({ shape }) => shape);
    const { outputs } = await forwards.forward(request(shapes), noProgress);
    assert.deepEqual(outputs[0].float.shape, [1, 16, 4]);
    const [line] = (await runOnnx(path, { seed: 5 })).outputs;
    assert.deepEqual(line, outputs[0].float);
  });

  it('typed numbers run, and those of another shape are refused in ONNX Runtime’s words', async () => {
    const forwards = await openForwards(fixturePath('onnxRuntime', 'matmul.onnx'));
    const row = [1, -2, 3, -4, 5, -6, 7, -8];
    const typed = (rows: readonly unknown[]) =>
      forwards.forward(request([[3, 8]], { inputs: { kind: 'literal', text: JSON.stringify(rows) } }), noProgress);
    const { inputs, accuracy, series } = await typed([row, row, row]);
    assert.deepEqual(inputs, [{ name: 'x', shape: [3, 8] }]);
    assert.ok(accuracy.maxAbsDiff > 0 && accuracy.sqnrDb > 15);
    const columns = series.float.length / 3;
    assert.deepEqual(series.float.slice(0, columns), series.float.slice(columns, 2 * columns));
    await assert.rejects(typed([row]), (error: QuantscopeError) => error.code === 'E_ONNX_RUNTIME');
  });

  it('both outputs are saved as the pass gave them, from a file of inputs', async () => {
    const path = fixturePath('onnxRuntime', 'block.npz');
    const asked = request([], { inputs: { kind: 'file', path } });
    const expected = await readNpz(path);
    for (const ranBefore of [true, false]) {
      const forwards = await openForwards(fixturePath('onnxRuntime', 'block.onnx'));
      if (ranBefore) await forwards.forward(asked, noProgress);
      const target = join(folder, `block.${ranBefore}.npz`);
      await forwards.save({ request: asked, what: { kind: 'outputs', which: 'both' }, target });
      const written = await readNpz(target);
      for (const [own, golden] of [
        ['float.output.0', 'float.0'],
        ['int8.output.0', 'int8.0'],
      ]) {
        const [a, b] = [written.get(own), expected.get(golden)];
        assert.deepEqual(a?.shape, b?.shape);
        const worst = Math.max(
          ...Array.from((a?.data ?? []) as Float32Array, (value, i) => Math.abs(Number(value) - Number(b?.data[i]))),
        );
        assert.ok(worst <= 1e-5, `${own}: ${worst}`);
      }
      const image = await forwards.outputImage({ request: asked, output: 0, layer: 'error' });
      assert.ok(image.cells.some((value) => value !== 0));
    }
  });

  it('a pass is cancelled between two runs', async () => {
    let checks = 0;
    const abort: AbortCheck = {
      throwIfAborted() {
        checks++;
        if (checks > 50) throw aborted();
      },
    };
    const forwards = await openForwards(fixturePath('onnxRuntime', 'matmul.onnx'), abort);
    const shapes = await proposedShapes(forwards);
    await assert.rejects(
      forwards.forward(request(shapes, { runs: 1_000_000 }), noProgress),
      (error: QuantscopeError) => error.code === 'E_ABORTED',
    );
  });

  it('a graph that is quantized already runs, and both sides are its own', async () => {
    const forwards = await openForwards(fixturePath('onnx', 'mlp.dynamic.onnx'));
    const { same, accuracy, products } = await forwards.forward(request(await proposedShapes(forwards)), noProgress);
    assert.deepEqual([same, accuracy.maxAbsDiff, products.length], ['stored', 0, 2]);
  });

  it('a graph of which nothing is chosen runs, and both sides are the float graph', async () => {
    const forwards = await openForwards(fixturePath('onnxRuntime', 'block.onnx'));
    const shapes = await proposedShapes(forwards);
    const chosen = request(shapes, { spec: spec({ modules: ['LSTM'] }) });
    const { same, accuracy, products } = await forwards.forward(chosen, noProgress);
    assert.deepEqual([same, accuracy.maxAbsDiff, products], ['float', 0, []]);
  });

  it('only the chosen nodes are quantized, named by operator, module, node or weight', async () => {
    const forwards = await openForwards(fixturePath('onnxRuntime', 'block.onnx'));
    const shapes = await proposedShapes(forwards);
    for (const [changes, weights] of [
      [{ exclude: ['Q', 'out', 'D'] }, ['K', 'V', 'U']],
      [{ modules: ['up', 'K'] }, ['K', 'U']],
      [{ modules: ['MatMul'], exclude: ['*'] }, []],
      [
        {
          overrides: [
            { target: 'MatMul', qconfig: null },
            { target: 'V', qconfig: 'per_channel_dynamic' },
          ],
        },
        ['V'],
      ],
    ] as const) {
      const { products } = await forwards.forward(request(shapes, { spec: spec(changes) }), noProgress);
      assert.deepEqual(
        products.map(({ weight }) => weight),
        weights,
      );
    }
  });

  it('the values behind a scale give the same scale, and a code each', async () => {
    const forwards = await openForwards(fixturePath('onnxRuntime', 'lstm_last.onnx'));
    const asked = request(await proposedShapes(forwards));
    const { products, codeMax } = await forwards.forward(asked, noProgress);
    const hidden = products.find(({ input }) => input === 'h');
    assert.ok(hidden !== undefined && hidden.scale.length === 4);
    for (const step of hidden.step) {
      const query = { request: asked, module: hidden.module, weight: hidden.weight, call: 0, step };
      const detail = await forwards.activation(query);
      assert.deepEqual(
        [detail.scale, detail.zeroPoint, detail.min, detail.max, detail.codeMax],
        [hidden.scale[step], hidden.zeroPoint[step], hidden.min[step], hidden.max[step], codeMax],
      );
      assert.equal(
        detail.codes.reduce((sum, count) => sum + count, 0),
        hidden.count[step],
      );
      assert.ok(detail.sqnrDb > 30);
    }
    const missing = { request: asked, module: hidden.module, weight: hidden.weight, call: 0, step: 4 };
    await assert.rejects(forwards.activation(missing), (error: QuantscopeError) => error.code === 'E_NO_ACTIVATION');
    const explained = { ...missing, step: 0, row: 0, channel: 0 };
    await assert.rejects(forwards.explain(explained), (error: QuantscopeError) => error.code === 'E_EXPLAIN_ONNX');
  });

  it('activations are saved with their codes and scales', async () => {
    const forwards = await openForwards(fixturePath('onnxRuntime', 'matmul.onnx'));
    const asked = request(await proposedShapes(forwards));
    const [{ module, weight, scale }] = (await forwards.forward(asked, noProgress)).products;
    const target = join(folder, 'activation.npz');
    await forwards.save({ request: asked, what: { kind: 'activation', module, weight }, target });
    const written = await readNpz(target);
    assert.ok([...written.values()].some(({ data }) => Number(data[0]) === scale[0]));
  });

  it('an intermediate value is one more output of both graphs, even where only its codes are passed on', async () => {
    const forwards = await openForwards(fixturePath('onnxRuntime', 'word_lm.onnx'));
    const { inputs, values = [] } = await forwards.describe({});
    assert.ok(values.includes('e') && !values.includes('z'));
    const shapes = inputs.map(({ shape }) => shape);
    const { outputs } = await forwards.forward(request(shapes, { values: ['e'] }), noProgress);
    const [float, quantized] = [outputs[1].float, outputs[1].quantized];
    assert.deepEqual([float.name, float.shape, quantized.name, quantized.shape], ['e', [7, 2, 8], 'e', [7, 2, 8]]);
    assert.ok(float.mean !== quantized.mean && Math.abs(float.mean - quantized.mean) < 0.05);
  });
});
