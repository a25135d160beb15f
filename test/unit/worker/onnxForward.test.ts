import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../../src/core/abort';
import { joinChunks } from '../../../src/core/byteChunks';
import { QuantscopeError } from '../../../src/core/errors';
import { type GraphData, planOnnx } from '../../../src/formats/onnx/write';
import { openModel } from '../../../src/model/openModel';
import type { OnnxForwardRequestDto } from '../../../src/protocol/forwardDto';
import { openFileSource } from '../../../src/worker/fileSource';
import { fixturePath } from '../../support/fixtures';
import { readNpz } from '../../support/npz';
import { onnxCases, onnxDifferences, onnxScales, runOnnx } from '../../support/onnxForwards';

const run = runOnnx;

describe('ONNX graphs run with ONNX Runtime', function () {
  this.timeout(30_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'onnx-forward-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const name of ['mlp', 'recipe_lstm']) {
    it(`${name}: PyTorch's outputs within 1e-5, written as .npz`, async () => {
      const path = fixturePath('torch-2.13', `${name}.npz`);
      const outputsFile = join(folder, `${name}.npz`);
      const { outputs } = await run(fixturePath('torch-2.13', `${name}.onnx`), {
        inputs: { kind: 'file', path },
        outputsFile,
      });
      const [expected, written] = [await readNpz(path), await readNpz(outputsFile)];
      for (let i = 0; i < outputs.length; i++) {
        const [a, b] = [expected.get(`float.${i}`), written.get(`output.${i}`)];
        assert.deepEqual(b?.shape, a?.shape);
        const worst = Math.max(
          ...Array.from((a?.data ?? []) as Float32Array, (value, at) => Math.abs(Number(value) - Number(b?.data[at]))),
        );
        assert.ok(worst <= 1e-5, `output ${i}: ${worst}`);
      }
    });
  }

  for (const name of onnxCases) {
    it(`${name}: float and int8 as onnxruntime's Python gives them, within 1e-5`, async () => {
      const { float, int8 } = await onnxDifferences(fixturePath('onnxRuntime'), name, folder);
      assert.ok(float <= 1e-5, `float: ${float}`);
      assert.ok(int8 <= 1e-5, `int8: ${int8}`);
    });
  }

  for (const name of onnxCases) {
    it(`${name}: the run-time scales of onnxruntime's Python, of every product and step`, async () => {
      const { ours, theirs } = await onnxScales(fixturePath('onnxRuntime'), name);
      assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
      for (const [product, steps] of Object.entries(theirs)) {
        assert.equal(ours[product].length, steps.length);
        for (const [step, [scale, zeroPoint]] of steps.entries()) {
          const [own, ownZero] = ours[product][step];
          assert.ok(Math.abs(own - scale) <= 1e-5 * scale, `${product} step ${step}: ${own}, not ${scale}`);
          assert.equal(ownZero, zeroPoint, `${product} step ${step}`);
        }
      }
    });
  }

  it('both side by side: outputs, latency, accuracy, and the size of the quantized graph', async () => {
    const { outputs, quantized } = await run(fixturePath('onnxRuntime', 'block.onnx'), { quantized: true });
    assert.deepEqual(
      quantized?.outputs.map(({ name, shape }) => [name, shape]),
      outputs.map(({ name, shape }) => [name, shape]),
    );
    assert.ok(quantized !== undefined && quantized.accuracy.maxAbsDiff > 0 && quantized.accuracy.sqnrDb > 15);
    assert.ok(quantized.bytes > 0 && quantized.latencyUs.runs === 1);
  });

  it('random indices stay inside the table that they are looked up in', async () => {
    for (const seed of [1, 2, 3]) {
      const { inputs, outputs } = await run(fixturePath('onnxRuntime', 'gather.onnx'), { seed });
      assert.equal(inputs[0].dtype, 'int64');
      assert.ok(outputs[0].meanAbs > 0);
    }
  });

  for (const [name, weights] of [
    ['mlp.dynamic.onnx', ['weight_quantized', 'weight_quantized']],
    ['lstm.dynamic.onnx', ['onnx::LSTM_89_quantized', 'onnx::LSTM_90_quantized']],
    ['mlp.qdq.onnx', []],
    ['mlp.qoperator.onnx', []],
  ] as const) {
    it(`${name} is quantized already: it runs as it is, and shows the scales that it chooses`, async () => {
      const { outputs, quantized, same } = await run(fixturePath('onnx', name), { quantized: true });
      assert.equal(same, 'stored');
      assert.deepEqual(quantized?.outputs, outputs);
      assert.deepEqual(
        quantized?.products.map(({ weight }) => weight),
        weights,
      );
    });
  }

  it('weights in a file that is not there are named', async () => {
    const path = join(folder, 'alone.onnx');
    await copyFile(fixturePath('onnxRuntime', 'external.onnx'), path);
    await assert.rejects(
      run(path),
      (error: unknown) => error instanceof QuantscopeError && /external\.data/.test(error.message),
    );
  });

  it('int8 graphs run too: DynamicQuantizeLinear with MatMulInteger, and DynamicQuantizeLSTM', async () => {
    for (const name of ['mlp.dynamic.onnx', 'lstm.dynamic.onnx']) {
      const { outputs } = await run(fixturePath('onnx', name));
      assert.ok(
        outputs.every(({ meanAbs }) => Number.isFinite(meanAbs)),
        name,
      );
    }
  });

  it('gives intermediate values by name', async () => {
    const path = fixturePath('onnx', 'mlp.dynamic.onnx');
    const plain = await run(path);
    await assert.rejects(
      run(path, { values: ['no such value'] }),
      (error: QuantscopeError) => error.code === 'E_ONNX_VALUE',
    );
    const names = await intermediateNames(path);
    const more = await run(path, { values: [names[0]] });
    assert.deepEqual(
      more.outputs.map(({ name }) => name),
      [...plain.outputs.map(({ name }) => name), names[0]],
    );
  });

  const unary = (opType: string, domain = '', dtype: 'float32' | 'float64' = 'float32'): GraphData => ({
    name: 'g',
    nodes: [{ name: 'strange', opType, domain, inputs: ['x'], outputs: ['y'], attributes: {} }],
    initializers: [],
    inputs: [{ name: 'x', dtype, shape: [2, 2] }],
    outputs: [{ name: 'y', dtype, shape: [] }],
  });
  const joined: GraphData = {
    ...unary('Add'),
    nodes: [{ name: 'sum', opType: 'Add', domain: '', inputs: ['x', 'z'], outputs: ['y'], attributes: {} }],
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['batch', 'width'] },
      { name: 'z', dtype: 'float32', shape: ['width'] },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'width'] }],
  };
  const refused: readonly [what: string, GraphData, Partial<OnnxForwardRequestDto>, code: string, said: RegExp][] = [
    ['an operator of a custom library', unary('Frobnicate', 'my.ops'), {}, 'E_ONNX_OPERATOR', /Frobnicate of my\.ops/],
    ['an operator that the opset lacks', unary('NoSuchOp'), {}, 'E_ONNX_OPERATOR', /no operator NoSuchOp in opset 17/],
    ['a type that no kernel is there for', unary('Det', '', 'float64'), {}, 'E_ONNX_OPERATOR', /does not have Det/],
    ['open sizes that do not fit together', joined, { shapes: [[2, 3], [4]] }, 'E_ONNX_SHAPE', /these shapes/],
  ];
  for (const [what, graph, changes, code, said] of refused) {
    it(`${what}: named, with what to do`, async () => {
      const opsets = ['', 'my.ops'].map((domain) => ({ domain, version: domain === '' ? 17 : 1 }));
      const [{ plan }] = planOnnx({ irVersion: 8, opsets, graph, metadata: {} }, 'refused.onnx');
      const path = join(folder, 'refused.onnx');
      await writeFile(path, await joinChunks(plan.chunks()));
      await assert.rejects(run(path, changes), (error: unknown) => {
        assert.ok(error instanceof QuantscopeError);
        assert.deepEqual([error.code, said.test(error.message), error.details.hint !== undefined], [code, true, true]);
        return true;
      });
    });
  }

  it('refuses what is no graph, and inputs that do not fit, in one kind of error', async () => {
    await assert.rejects(
      run(fixturePath('torch-2.13', 'mlp.npz')),
      (error: QuantscopeError) => error.code === 'E_ONNX_RUNTIME',
    );
    const path = fixturePath('torch-2.13', 'recipe_lstm.npz');
    await assert.rejects(
      run(fixturePath('torch-2.13', 'mlp.onnx'), { inputs: { kind: 'file', path } }),
      (error: unknown) => error instanceof QuantscopeError && error.code === 'E_ONNX_INPUT',
    );
  });
});

/** Results of nodes of the main graph that are no outputs of the whole. */
async function intermediateNames(path: string): Promise<string[]> {
  const source = await openFileSource(path);
  try {
    const { file } = await openModel(source, neverAborted);
    const graph = file.onnx?.graph;
    const outputs = new Set((graph?.outputs ?? []).map(({ name }) => name));
    return (graph?.nodes ?? []).flatMap((node) => node.outputs).filter((name) => name !== '' && !outputs.has(name));
  } finally {
    await source.close();
  }
}
