import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '../../../src/core/abort';
import { QuantscopeError } from '../../../src/core/errors';
import { openModel } from '../../../src/model/openModel';
import type { OnnxForwardRequestDto } from '../../../src/protocol/forwardDto';
import { openFileSource } from '../../../src/worker/fileSource';
import { onnxForward } from '../../../src/worker/onnxForward';
import { fixturePath } from '../../support/fixtures';
import { readNpz } from '../../support/npz';

function request(changes: Partial<OnnxForwardRequestDto> = {}): OnnxForwardRequestDto {
  return { seed: 1, shapes: [], inputsFile: null, outputsFile: null, values: [], runs: 1, warmup: 0, ...changes };
}

const run = (path: string, changes: Partial<OnnxForwardRequestDto> = {}) =>
  onnxForward(path, request(changes), openFileSource, neverAborted);

describe('ONNX graphs run with ONNX Runtime', function () {
  this.timeout(30_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'onnx-forward-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const name of ['mlp', 'recipe_lstm']) {
    it(`${name}: PyTorch's outputs within 1e-5, written as .npz`, async () => {
      const inputsFile = fixturePath('torch-2.13', `${name}.npz`);
      const outputsFile = join(folder, `${name}.npz`);
      const { outputs } = await run(fixturePath('torch-2.13', `${name}.onnx`), { inputsFile, outputsFile });
      const [expected, written] = [await readNpz(inputsFile), await readNpz(outputsFile)];
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
      (error: QuantscopeError) => error.code === 'E_ONNX_RUNTIME',
    );
    const names = await intermediateNames(path);
    const more = await run(path, { values: [names[0]] });
    assert.deepEqual(
      more.outputs.map(({ name }) => name),
      [...plain.outputs.map(({ name }) => name), names[0]],
    );
  });

  it('refuses what is no graph, and inputs that do not fit, in one kind of error', async () => {
    await assert.rejects(
      run(fixturePath('torch-2.13', 'mlp.npz')),
      (error: QuantscopeError) => error.code === 'E_ONNX_RUNTIME',
    );
    const inputsFile = fixturePath('torch-2.13', 'recipe_lstm.npz');
    await assert.rejects(
      run(fixturePath('torch-2.13', 'mlp.onnx'), { inputsFile }),
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
